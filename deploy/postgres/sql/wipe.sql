-- Drop everything in the current database that isn't the system's, and make the schema public anew. Inside a transaction.
SET LOCAL search_path = pg_catalog;
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
    UNION ALL SELECT format('DROP ACCESS METHOD IF EXISTS %I CASCADE', amname) FROM pg_catalog.pg_am WHERE oid >= 16384
    UNION ALL SELECT format('DROP LANGUAGE IF EXISTS %I CASCADE', lanname) FROM pg_catalog.pg_language WHERE oid >= 16384
    UNION ALL SELECT format('DROP CAST IF EXISTS (%s AS %s)', castsource::regtype, casttarget::regtype) FROM pg_catalog.pg_cast
      WHERE oid >= 16384
  ) AS all_commands (c);
  FOREACH command IN ARRAY coalesce(commands, '{}') LOOP
    EXECUTE command;
  END LOOP;
  -- default privileges of all schemas would be given to what is restored: each becomes the built-in one, and so goes away
  FOR command IN
    SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %s %s', d.defaclrole::regrole, c)
    FROM pg_catalog.pg_default_acl d, LATERAL (VALUES (CASE d.defaclobjtype
      WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END)) AS k (kind), LATERAL (
        SELECT format('REVOKE ALL ON %s FROM %s', kind, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
        FROM pg_catalog.aclexplode(d.defaclacl) a WHERE a.grantee <> d.defaclrole
        UNION ALL SELECT format('GRANT ALL ON %s TO %s', kind, d.defaclrole::regrole)
        UNION ALL SELECT format('GRANT ALL ON %s TO PUBLIC', kind) WHERE d.defaclobjtype IN ('f', 'T')
      ) AS changes (c)
    WHERE d.defaclnamespace = 0 AND k.kind IS NOT NULL AND pg_catalog.pg_has_role(d.defaclrole, 'MEMBER')
  LOOP
    EXECUTE command;
  END LOOP;
  PERFORM pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;
END
$wipe$;
RESET search_path;
CREATE SCHEMA public;
COMMENT ON SCHEMA public IS 'standard public schema';
SELECT current_setting('server_version_num')::int >= 150000 AS has_database_owner \gset
\if :has_database_owner
ALTER SCHEMA public OWNER TO pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
\else
GRANT ALL ON SCHEMA public TO PUBLIC;
\endif
