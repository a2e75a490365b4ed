-- After the file, in its transaction and whatever it did to search_path, role or settings. Its row is finished only if it is still
-- there and no index that the file names is invalid. No commit waits for the disk here: settle.sql does, for all of them at once, and
-- a server that loses its power before loses whole files, each with its row.
-- Then nothing of the session is left but the advisory lock, which DISCARD ALL would give up.
\set ON_ERROR_STOP on
\o
SET SESSION AUTHORIZATION DEFAULT \; RESET ALL \; SET LOCAL synchronous_commit = off \; UPDATE :"deploy_schema".migrations SET finished_at = pg_catalog.clock_timestamp(), duration_ms = (extract(epoch FROM pg_catalog.clock_timestamp() - started_at) * 1000)::bigint WHERE name = :'deploy_name' AND deploy_id = :'deploy_id' AND finished_at IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relname = ANY (:'deploy_indexes'::name[]) AND c.relkind = 'i' AND NOT (SELECT i.indisvalid FROM pg_catalog.pg_index i WHERE i.indexrelid = c.oid));
\if :ROW_COUNT
COMMIT \; DEALLOCATE ALL \; CLOSE ALL \; UNLISTEN * \; DISCARD SEQUENCES \; DISCARD TEMP;
\else
\ir check_indexes.sql
ROLLBACK;
DO $$ BEGIN RAISE EXCEPTION 'the file ended the transaction that it was run in' USING ERRCODE = 'DP001'; END $$;
\endif
