-- The start of the one session that applies migrations. Variables: apply_key, ledger_schema.
\set ON_ERROR_STOP on
SELECT pg_catalog.pg_try_advisory_lock(:apply_key) AS deploy_locked \gset
\if :deploy_locked
\else
DO $$ BEGIN RAISE EXCEPTION 'another session is applying migrations' USING ERRCODE = 'DP003'; END $$;
\endif
