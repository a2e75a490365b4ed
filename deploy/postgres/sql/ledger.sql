-- The ledger: what was applied, when, by whom and from what text. Variable: ledger_schema.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS :"ledger_schema";
CREATE TABLE IF NOT EXISTS :"ledger_schema".migrations (
  name text PRIMARY KEY,
  sha256 text NOT NULL,
  way text NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  duration_ms bigint,
  applied_by text NOT NULL,
  applied_from text NOT NULL,
  git_commit text,
  deploy_id text NOT NULL,
  tool_version text NOT NULL
);
RESET client_min_messages;
