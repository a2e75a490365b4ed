-- After the file, in its transaction and whatever it did to search_path, role or settings.
\set ON_ERROR_STOP on
\o
SET SESSION AUTHORIZATION DEFAULT \; RESET ALL \; UPDATE :"deploy_schema".migrations SET finished_at = pg_catalog.clock_timestamp(), duration_ms = (extract(epoch FROM pg_catalog.clock_timestamp() - started_at) * 1000)::bigint WHERE name = :'deploy_name' AND deploy_id = :'deploy_id' AND finished_at IS NULL;
\if :ROW_COUNT
COMMIT;
\else
ROLLBACK;
DO $$ BEGIN RAISE EXCEPTION 'the file ended the transaction that it was run in' USING ERRCODE = 'DP001'; END $$;
\endif
