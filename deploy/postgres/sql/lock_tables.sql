-- Begin a transaction in which nobody else writes; others may go on reading until more is done in it. It waits for those who write.
SET lock_timeout = '60s';
SET client_min_messages = warning;
SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout') \g /dev/null
SELECT 'began ' || pg_catalog.clock_timestamp();
BEGIN;
SELECT pg_catalog.format('LOCK TABLE ONLY %I.%I IN SHARE MODE', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY c.oid
\gexec
SELECT 'transaction ' || pg_catalog.pg_current_xact_id();
