-- Drop everything in the current database that isn't the system's, and make the schema public anew. Inside a transaction.
DO $wipe$
DECLARE
  commands text[];
  command text;
BEGIN
  SELECT array_agg(c) INTO commands FROM (
    SELECT format('DROP EVENT TRIGGER IF EXISTS %I', evtname) FROM pg_catalog.pg_event_trigger
    UNION ALL SELECT format('DROP PUBLICATION IF EXISTS %I', pubname) FROM pg_catalog.pg_publication
    UNION ALL SELECT format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'
    UNION ALL SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) FROM pg_catalog.pg_namespace
      WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    UNION ALL SELECT format('DROP FOREIGN DATA WRAPPER IF EXISTS %I CASCADE', fdwname) FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL SELECT format('DROP CAST IF EXISTS (%s AS %s)', castsource::regtype, casttarget::regtype) FROM pg_catalog.pg_cast
      WHERE oid >= 16384
  ) AS all_commands (c);
  FOREACH command IN ARRAY coalesce(commands, '{}') LOOP
    EXECUTE command;
  END LOOP;
  PERFORM pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;
END
$wipe$;
CREATE SCHEMA public;
COMMENT ON SCHEMA public IS 'standard public schema';
SELECT current_setting('server_version_num')::int >= 150000 AS has_database_owner \gset
\if :has_database_owner
ALTER SCHEMA public OWNER TO pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
\else
GRANT ALL ON SCHEMA public TO PUBLIC;
\endif
