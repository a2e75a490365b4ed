-- After lock_tables.sql, in its transaction: take the tables for ourselves. Whoever waits to write holds what it has read before, and
-- would wait for us while we wait for it: so it is cancelled, as often as one comes. Nothing that it did was acknowledged.
DO $take$
DECLARE
  tables text;
  waiting int;
BEGIN
  SELECT pg_catalog.string_agg(pg_catalog.format('ONLY %I.%I', n.nspname, c.relname), ', ' ORDER BY c.oid) INTO tables
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';
  IF tables IS NULL THEN
    RETURN;
  END IF;
  FOR try IN 1..60 LOOP
    PERFORM pg_catalog.pg_stat_clear_snapshot();
    FOR waiting IN
      SELECT a.pid FROM pg_catalog.pg_stat_activity a
      WHERE a.datname = pg_catalog.current_database() AND pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(a.pid))
    LOOP
      BEGIN
        PERFORM pg_catalog.pg_cancel_backend(waiting);
      EXCEPTION WHEN insufficient_privilege THEN
        NULL; -- another role's: its deadlock_timeout may end it
      END;
    END LOOP;
    BEGIN
      SET LOCAL lock_timeout = '1s';
      EXECUTE 'LOCK TABLE ' || tables || ' IN ACCESS EXCLUSIVE MODE';
      RETURN;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
      NULL; -- with what it got undone; what only readers may go by stays locked
    END;
  END LOOP;
  RAISE EXCEPTION 'sessions go on reading';
END
$take$;
SET LOCAL lock_timeout = '60s';
SELECT 'taken';
