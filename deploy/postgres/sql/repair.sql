-- End the sessions of jobs of this directory that are gone, remove the side databases and the fence that they left, close replaced
-- databases that they opened, and say so, a line each. Somebody else may deploy to the same database from another directory: then "busy" is
-- all that is said. Variables: live, stem, jobs (their ids, with spaces in between), lock_key, apply_key.
-- Renames are atomic: a live database that takes no connections is one whose swap did not happen.
SET search_path = pg_catalog;
SELECT set_config('deploy.jobs', :'jobs', false) \g /dev/null
WITH gone AS MATERIALIZED ( -- first it is known which, and then they are ended
  SELECT pid, application_name FROM pg_stat_activity
  WHERE application_name LIKE 'deploy:%' AND split_part(application_name, ':', 2) = ANY (string_to_array(:'jobs', ' '))
)
SELECT 'ended the session ' || pid || ' of a job that is gone: ' || application_name || CASE WHEN pg_terminate_backend(pid) THEN '' ELSE ' (it did not end)' END
FROM gone;
DO $$
BEGIN
  FOR try IN 1..50 LOOP
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN NOT EXISTS (
      SELECT FROM pg_stat_activity
      WHERE application_name LIKE 'deploy:%' AND split_part(application_name, ':', 2) = ANY (string_to_array(current_setting('deploy.jobs'), ' ')));
    PERFORM pg_sleep(0.1);
  END LOOP;
END $$;
SELECT EXISTS (
  SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND d.datname = :'live'
    AND (l.classid::bigint << 32) + l.objid::bigint IN (:lock_key, :apply_key)) AS busy \gset
\if :busy
\echo busy
\else
SELECT 'removed the side database ' || datname FROM pg_database
WHERE right(datname, 15) ~ '^[0-9]{8}_[0-9]{6}$' AND datname = :'stem' || '_side_' || right(datname, 15);
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database
WHERE right(datname, 15) ~ '^[0-9]{8}_[0-9]{6}$' AND datname = :'stem' || '_side_' || right(datname, 15) \gexec
SELECT 'let connections into ' || datname || ' again' FROM pg_database WHERE datname = :'live' AND NOT datallowconn;
SELECT format('ALTER DATABASE %I WITH ALLOW_CONNECTIONS true', datname) FROM pg_database
WHERE datname = :'live' AND NOT datallowconn \gexec
SELECT 'closed the replaced database ' || datname || ' again' FROM pg_database
WHERE datallowconn AND right(datname, 15) ~ '^[0-9]{8}_[0-9]{6}$' AND datname = :'stem' || '_replaced_' || right(datname, 15);
SELECT format('ALTER DATABASE %I WITH ALLOW_CONNECTIONS false', datname) FROM pg_database
WHERE datallowconn AND right(datname, 15) ~ '^[0-9]{8}_[0-9]{6}$' AND datname = :'stem' || '_replaced_' || right(datname, 15) \gexec
\endif
