-- Migration: Add performance indexes
-- Created: 2024-12-28
-- Description: The two slow pages of the dashboard, without a lock on trades while they are built
--
-- CONCURRENTLY can't run in a transaction, so this file runs outside one: the ledger marks its start and its end.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_trades_strategy_time
ON backtester.trades (strategy_id, executed_at DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_candles_symbol_time
ON market_data.candles (symbol, opened_at DESC);

SELECT 'Migration 003 completed: performance indexes added' AS status;
