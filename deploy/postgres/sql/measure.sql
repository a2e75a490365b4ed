-- In a rehearsal, after a file and before its COMMIT: what it holds and what it wrote, of relations that were there before it.
-- Rows are those of the transaction that is still open, so that a file without one has none here.
-- AUTOCOMMIT: or asking would leave a transaction open that the file did not.
-- Variables: deploy_before (measure_before.sql), deploy_name, deploy_way, deploy_mark, ledger_schema.
\set AUTOCOMMIT on
WITH relations AS (
  SELECT c.oid, c.relkind, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
    :'deploy_before'::jsonb ? c.oid::text AS old, c.relfilenode::text <> coalesce(:'deploy_before'::jsonb ->> c.oid::text, '') AS moved
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I') AND c.oid >= 16384 AND n.nspname <> :'ledger_schema' AND n.nspname !~ '^pg_'
), modes (mode, strength) AS (
  VALUES ('ShareUpdateExclusiveLock', 1), ('ShareLock', 2), ('ShareRowExclusiveLock', 3), ('ExclusiveLock', 4), ('AccessExclusiveLock', 5)
), locks AS (
  SELECT DISTINCT ON (r.name) r.name, l.mode
  FROM pg_catalog.pg_locks l JOIN relations r ON r.oid = l.relation JOIN modes m ON m.mode = l.mode
  WHERE l.locktype = 'relation' AND l.pid = pg_catalog.pg_backend_pid() AND l.granted AND r.old AND r.relkind IN ('r', 'p', 'm')
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  ORDER BY r.name, m.strength DESC
)
SELECT pg_catalog.jsonb_build_object('event', 'measured', 'name', :'deploy_name', 'open', :'deploy_way' <> 'outside',
  'made', (SELECT coalesce(pg_catalog.jsonb_agg(name ORDER BY name), '[]') FROM relations WHERE NOT old AND relkind IN ('r', 'p', 'm')),
  'locks', (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('table', name, 'mode', mode) ORDER BY name), '[]') FROM locks),
  'written', (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('table', r.name, 'inserted', s.n_tup_ins, 'updated', s.n_tup_upd, 'deleted', s.n_tup_del) ORDER BY r.name), '[]')
    FROM pg_catalog.pg_stat_xact_user_tables s JOIN relations r ON r.oid = s.relid WHERE r.old AND s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0),
  'rewritten', (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('table', name, 'bytes', pg_catalog.pg_table_size(oid)) ORDER BY name), '[]')
    FROM relations WHERE old AND moved AND relkind IN ('r', 'm') AND pg_catalog.pg_relation_size(oid) > 0),
  'indexes', (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('table', r.name, 'bytes', pg_catalog.pg_relation_size(r.oid)) ORDER BY r.name), '[]')
    FROM relations r JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid WHERE r.relkind = 'i' AND r.moved AND :'deploy_before'::jsonb ? i.indrelid::text)
) AS deploy_measured \gset
\warn :deploy_mark :deploy_measured
