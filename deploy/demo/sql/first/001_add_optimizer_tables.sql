-- Migration: Add optimizer tables
-- Created: 2024-12-20
-- Description: Runs of the parameter optimizer, and the results of each

CREATE TABLE IF NOT EXISTS backtester.optimizer_runs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    strategy_id INTEGER NOT NULL REFERENCES backtester.strategies (id),
    method VARCHAR(20) NOT NULL DEFAULT 'grid' CHECK (method IN ('grid', 'random', 'bayesian')),
    parameter_space JSONB NOT NULL DEFAULT '{}',
    status VARCHAR(20) NOT NULL DEFAULT 'queued',
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE IF NOT EXISTS backtester.optimizer_results (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id BIGINT NOT NULL REFERENCES backtester.optimizer_runs (id) ON DELETE CASCADE,
    parameters JSONB NOT NULL,
    sharpe_ratio NUMERIC(10, 4),
    max_drawdown NUMERIC(10, 4),
    total_return NUMERIC(14, 4),
    trades INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX IF NOT EXISTS idx_optimizer_results_run
ON backtester.optimizer_results (run_id);

-- The newest result of a run stamps it
CREATE OR REPLACE FUNCTION backtester.touch_optimizer_run() RETURNS trigger AS $$
BEGIN
    UPDATE backtester.optimizer_runs SET finished_at = NOW() WHERE id = NEW.run_id;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;

DROP TRIGGER IF EXISTS optimizer_result_added ON backtester.optimizer_results;
CREATE TRIGGER optimizer_result_added
AFTER INSERT ON backtester.optimizer_results
FOR EACH ROW EXECUTE FUNCTION backtester.touch_optimizer_run();

SELECT 'Migration 001 completed: optimizer tables added' AS status;
