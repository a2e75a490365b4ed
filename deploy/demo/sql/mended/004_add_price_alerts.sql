-- Migration: Add price alerts
-- Created: 2025-01-10
-- Description: What a subscriber wants to be told about, and what each trade cost

CREATE TABLE IF NOT EXISTS backtester.price_alerts (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id VARCHAR(100) NOT NULL REFERENCES market_data.bot_subscribers (user_id),
    symbol VARCHAR(20) NOT NULL,
    price NUMERIC(18, 8) NOT NULL
);

ALTER TABLE backtester.trades
ADD COLUMN IF NOT EXISTS fee NUMERIC(18, 8) NOT NULL DEFAULT 0;

SELECT 'Migration 004 completed: price alerts added' AS status;
