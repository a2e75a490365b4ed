-- What a job by hand has to know about the database, one fact a line: a word and its value.
-- Variables: ledger_schema, stem (what the names of replaced databases begin with).
SET search_path = pg_catalog;
SET statement_timeout = '30s';
SET client_min_messages = warning;
SELECT 'server_version ' || current_setting('server_version_num');
SELECT 'system ' || system_identifier FROM pg_control_system();
SELECT 'standby ' || pg_is_in_recovery();
SELECT 'bytes ' || pg_database_size(current_database());
SELECT 'no_rights yes' FROM pg_database d, pg_roles r
WHERE d.datname = current_database() AND r.rolname = current_user AND NOT (r.rolsuper OR r.rolcreatedb AND pg_has_role(d.datdba, 'MEMBER'));
SELECT 'obstacle the prepared transaction ' || gid FROM pg_prepared_xacts WHERE database = current_database();
SELECT 'obstacle the replication slot ' || slot_name FROM pg_replication_slots WHERE database = current_database();
SELECT 'obstacle the subscription ' || s.subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database();
SELECT 'replaced_at ' || right(datname, 15) FROM pg_database
WHERE right(datname, 15) ~ '^[0-9]{8}_[0-9]{6}$' AND datname = :'stem' || '_replaced_' || right(datname, 15);

SELECT to_regclass(format('%I.migrations', :'ledger_schema')) IS NOT NULL AS has_ledger,
  (SELECT count(*) FROM pg_attribute
   WHERE attrelid = to_regclass(format('%I.migrations', :'ledger_schema')) AND attname IN ('sha256', 'deploy_id')) = 2 AS is_ours
\gset
\if :has_ledger
\if :is_ours
SELECT 'ledger ' || coalesce(md5(string_agg(name || ' ' || sha256 || ' ' || (finished_at IS NOT NULL), ',' ORDER BY name COLLATE "C")), 'none')
FROM :"ledger_schema".migrations;
SELECT 'last ' || coalesce((SELECT to_json(name)::text FROM :"ledger_schema".migrations
  WHERE finished_at IS NOT NULL AND name ~ '^[0-9]+_' ORDER BY split_part(name, '_', 1)::numeric DESC LIMIT 1), 'null');
\else
\echo ledger foreign
\endif
\else
\echo ledger none
\echo last null
\endif
