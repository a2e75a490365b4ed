-- Remove side databases and the fence that a killed job left, close replaced databases that it opened, and say so, a line each. Variables: live, stem, job.
-- Renames are atomic: a live database that takes no connections is one whose swap did not happen.
SELECT 'ended the session ' || pid || ' of a job that is gone: ' || application_name || CASE WHEN pg_terminate_backend(pid, 5000) THEN '' ELSE ' (it did not end)' END
FROM pg_stat_activity WHERE application_name LIKE 'deploy:%' AND application_name NOT LIKE :'job' || '%';
SELECT 'removed the side database ' || datname FROM pg_database
WHERE datname ~ '_side_[0-9]{8}_[0-9]{6}$' AND starts_with(datname, :'stem' || '_side_');
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database
WHERE datname ~ '_side_[0-9]{8}_[0-9]{6}$' AND starts_with(datname, :'stem' || '_side_') \gexec
SELECT 'let connections into ' || datname || ' again' FROM pg_database WHERE datname = :'live' AND NOT datallowconn;
SELECT format('ALTER DATABASE %I WITH ALLOW_CONNECTIONS true', datname) FROM pg_database
WHERE datname = :'live' AND NOT datallowconn \gexec
SELECT 'closed the replaced database ' || datname || ' again' FROM pg_database
WHERE datallowconn AND datname ~ '_replaced_[0-9]{8}_[0-9]{6}$' AND starts_with(datname, :'stem' || '_replaced_');
SELECT format('ALTER DATABASE %I WITH ALLOW_CONNECTIONS false', datname) FROM pg_database
WHERE datallowconn AND datname ~ '_replaced_[0-9]{8}_[0-9]{6}$' AND starts_with(datname, :'stem' || '_replaced_') \gexec
