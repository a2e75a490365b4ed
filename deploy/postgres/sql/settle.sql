-- What the ledger says of a deploy, whatever psql's exit status was: is a session still applying, how many migrations are
-- finished, how many started only, and which. Variables: ledger_schema, deploy_id, application.
-- First it commits something, which waits for the disk, and so for every commit before it (finish_transaction.sql waits for none).
SET search_path = pg_catalog;
SELECT FROM pg_catalog.pg_logical_emit_message(true, 'deploy', 'settled');
SELECT to_regclass(pg_catalog.format('%I.migrations', :'ledger_schema')) IS NOT NULL AS has_ledger,
  EXISTS (SELECT FROM pg_catalog.pg_stat_activity
    WHERE application_name = :'application' AND datname = current_database() AND pid <> pg_backend_pid()) AS alive
\gset
\set rows '0 0 []'
\if :has_ledger
SELECT pg_catalog.concat_ws(' ',
    count(*) FILTER (WHERE finished_at IS NOT NULL), count(*) FILTER (WHERE finished_at IS NULL),
    coalesce(jsonb_agg(json_build_object('name', name, 'finished', finished_at IS NOT NULL, 'ms', duration_ms)
      ORDER BY started_at, name), '[]')) AS rows
FROM :"ledger_schema".migrations WHERE deploy_id = :'deploy_id' AND way <> 'baseline' \gset
\endif
\echo :alive :rows
