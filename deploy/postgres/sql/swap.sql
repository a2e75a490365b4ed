-- Exchange two databases. Only ALLOW_CONNECTIONS false keeps superusers out, and both renames stand in one transaction: it is
-- either both or none. Variables: live, side, replaced.
SET lock_timeout = '2s';
SET client_min_messages = warning;
SELECT clock_timestamp() AS began \gset
ALTER DATABASE :"live" WITH ALLOW_CONNECTIONS false;
SELECT pg_catalog.set_config('deploy.live', :'live', false), pg_catalog.set_config('deploy.side', :'side', false) \g /dev/null
DO $$
DECLARE
  tries int := 0;
  quiet int := 0;
BEGIN
  LOOP
    PERFORM pg_catalog.pg_stat_clear_snapshot();
    PERFORM pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
      WHERE datname IN (pg_catalog.current_setting('deploy.live'), pg_catalog.current_setting('deploy.side'));
    -- a session that was let in just before the fence is seen only when its start is done
    quiet := CASE WHEN FOUND THEN 0 ELSE quiet + 1 END;
    EXIT WHEN quiet = 3;
    tries := tries + 1;
    IF tries > 500 THEN
      RAISE EXCEPTION 'sessions on the database do not end';
    END IF;
    PERFORM pg_catalog.pg_sleep(0.01);
  END LOOP;
END $$;
BEGIN;
ALTER DATABASE :"live" RENAME TO :"replaced";
ALTER DATABASE :"side" RENAME TO :"live";
COMMIT;
SELECT 'outage_ms ' || (extract(epoch FROM clock_timestamp() - :'began'::timestamptz) * 1000)::int;
