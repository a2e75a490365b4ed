-- After a file that ran outside a transaction: done only if it left no invalid index behind.
\set ON_ERROR_STOP on
\set AUTOCOMMIT on
\o
SET SESSION AUTHORIZATION DEFAULT \; RESET ALL;
\ir check_indexes.sql
UPDATE :"deploy_schema".migrations SET finished_at = pg_catalog.clock_timestamp(), duration_ms = (extract(epoch FROM pg_catalog.clock_timestamp() - started_at) * 1000)::bigint WHERE name = :'deploy_name' AND deploy_id = :'deploy_id';
