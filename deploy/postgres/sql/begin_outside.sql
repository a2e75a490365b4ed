-- Before a migration that can't run in a transaction: its ledger row says "started", so that a crash is told as "not finished".
-- Invalid indexes that an earlier try left behind go, or CREATE INDEX CONCURRENTLY IF NOT EXISTS would keep them.
\set deploy_begin 'SELECT'
\ir begin_transaction.sql
SELECT pg_catalog.format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname = ANY (:'deploy_concurrent'::name[])
\gexec
SELECT coalesce(pg_catalog.array_agg(indexrelid), '{}') AS deploy_invalid FROM pg_catalog.pg_index WHERE NOT indisvalid \gset
