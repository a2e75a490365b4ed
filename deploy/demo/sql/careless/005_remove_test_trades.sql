-- Migration: Remove test trades
-- Created: 2025-01-12
-- Description: What the grid strategy traded in its first three days was a test

DELETE FROM backtester.trades
WHERE strategy_id = 3 OR executed_at < TIMESTAMPTZ '2024-12-04 00:00+00';

SELECT 'Migration 005 completed: test trades removed' AS status;
