-- After a file that ran outside a transaction: done only if it left no transaction open and no invalid index behind.
-- Two statements of one transaction begin at different times; psql itself can't be asked whether one is open.
\set ON_ERROR_STOP on
\set AUTOCOMMIT on
\o
SELECT pg_catalog.transaction_timestamp() <> pg_catalog.statement_timestamp() AS deploy_open \gset
\if :deploy_open
ROLLBACK;
DO $$ BEGIN RAISE EXCEPTION 'the file left a transaction open' USING ERRCODE = 'DP004'; END $$;
\endif
SET SESSION AUTHORIZATION DEFAULT \; RESET ALL;
\ir check_indexes.sql
UPDATE :"deploy_schema".migrations SET finished_at = pg_catalog.clock_timestamp(), duration_ms = (extract(epoch FROM pg_catalog.clock_timestamp() - started_at) * 1000)::bigint WHERE name = :'deploy_name' AND deploy_id = :'deploy_id';
DEALLOCATE ALL \; CLOSE ALL \; UNLISTEN * \; DISCARD SEQUENCES \; DISCARD TEMP;
