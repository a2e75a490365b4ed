-- Everything that a decision needs to know about the database, one fact a line.
-- Variables: ledger_schema, lock_key (of the deploy lock), apply_key (of the session that applies), stem (what the names of
-- replaced and side databases begin with).
SET search_path = pg_catalog;
SET statement_timeout = '30s';
SET client_min_messages = warning;

-- First of all, because what a shell prints may overtake what psql has not written yet.
SELECT CASE WHEN rolsuper OR pg_has_role('pg_read_all_settings', 'MEMBER') THEN current_setting('data_directory') END AS data_directory
FROM pg_roles WHERE rolname = current_user
\gset
\if :{?data_directory}
\setenv DEPLOY_DATA_DIRECTORY :data_directory
\! set -- $(df -Pk "$DEPLOY_DATA_DIRECTORY" 2>/dev/null | tail -n 1); echo "database_free_kb ${4-}"
\endif

SELECT 'database ' || json_build_object(
  'name', d.datname,
  'version', current_setting('server_version_num')::int,
  'standby', pg_is_in_recovery(),
  'bytes', pg_database_size(d.oid),
  'owner', pg_get_userbyid(d.datdba),
  'user', current_user,
  'superuser', r.rolsuper,
  'createdb', r.rolcreatedb,
  'owns', pg_has_role(d.datdba, 'MEMBER'),
  'encoding', pg_encoding_to_char(d.encoding),
  'system', (SELECT system_identifier::text FROM pg_control_system()),
  'tables', (
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
  'prepared', (SELECT count(*) FROM pg_prepared_xacts WHERE database = d.datname),
  'slots', coalesce((SELECT jsonb_agg(slot_name) FROM pg_replication_slots WHERE database = d.datname), '[]'),
  'subscriptions', (SELECT count(*) FROM pg_subscription s WHERE s.subdbid = d.oid),
  'replaced', coalesce((
    SELECT jsonb_agg(json_build_object('name', o.datname, 'bytes', pg_database_size(o.oid)) ORDER BY o.datname DESC)
    FROM pg_database o WHERE right(o.datname, 15) ~ '^[0-9]{8}_[0-9]{6}$'
      AND o.datname = :'stem' || '_replaced_' || right(o.datname, 15)), '[]'),
  'scratch', coalesce((
    SELECT jsonb_agg(o.datname) FROM pg_database o WHERE right(o.datname, 15) ~ '^[0-9]{8}_[0-9]{6}$'
      AND o.datname = :'stem' || '_side_' || right(o.datname, 15)), '[]'),
  'extensions', (SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM pg_available_extensions),
  'locked_by', (
    SELECT json_build_object('pid', a.pid, 'application', a.application_name, 'since', a.backend_start)
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.database = d.oid AND l.objsubid = 1
      AND (l.classid::bigint << 32) + l.objid::bigint IN (:lock_key, :apply_key)
    LIMIT 1)
)::text
FROM pg_database d, pg_roles r
WHERE d.datname = current_database() AND r.rolname = current_user;

SELECT to_regclass(format('%I.migrations', :'ledger_schema')) IS NOT NULL AS has_ledger,
  (SELECT count(*) FROM pg_attribute
   WHERE attrelid = to_regclass(format('%I.migrations', :'ledger_schema')) AND attname IN ('sha256', 'deploy_id')) = 2 AS is_ours
\gset
\if :has_ledger
\if :is_ours
\echo has_ledger yes
SELECT 'ledger ' || json_build_object(
  'name', name, 'sha256', sha256, 'way', way, 'started_at', started_at, 'finished_at', finished_at,
  'duration_ms', duration_ms, 'deploy_id', deploy_id)::text
FROM :"ledger_schema".migrations ORDER BY started_at, name;
\else
\echo has_ledger foreign
\endif
\endif
\echo database_end
