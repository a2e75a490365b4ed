-- Take the deploy lock for as long as this session lives, and say what the ledger looks like under it, and which tables there are,
-- named as pg_dump names them: all of them have to be in its dump.
-- It only tries: a session that waits in pg_advisory_lock() makes another's CREATE INDEX CONCURRENTLY die of a deadlock.
-- A session that only holds a lock may be idle for as long as it takes.
-- Variables: lock_key, apply_key, ledger_schema.
SET search_path = pg_catalog;
SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout' \g /dev/null
SELECT pg_try_advisory_lock(:lock_key) AS held,
  NOT EXISTS (
    SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND d.datname = current_database()
      AND (l.classid::bigint << 32) + l.objid::bigint = :apply_key) AS quiet,
  to_regclass(format('%I.migrations', :'ledger_schema')) IS NOT NULL AS has_ledger,
  current_setting('server_encoding') AS deploy_encoding
\gset
\if :held
\if :quiet
\else
\set held f
\endif
\endif
\set ledger none
\if :has_ledger
SELECT coalesce(md5(string_agg(name || ' ' || sha256 || ' ' || (finished_at IS NOT NULL), ',' ORDER BY name COLLATE "C")), 'none')
  AS ledger FROM :"ledger_schema".migrations \gset
\endif
\echo lock :held :ledger
\echo encoding :deploy_encoding
SELECT 'table ' || regexp_replace(c.oid::regclass::text, '[\x01-\x1f]', ' ', 'g')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e');
