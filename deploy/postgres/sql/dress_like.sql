-- Write the SQL that gives another database what a plain dump leaves out of the current one. Variable: side.
SET search_path = pg_catalog;
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s;', :'side', datconnlimit)
FROM pg_database WHERE datname = current_database() AND datconnlimit <> -1;

SELECT format('COMMENT ON DATABASE %I IS %L;', :'side', shobj_description(d.oid, 'pg_database'))
FROM pg_database d WHERE d.datname = current_database() AND shobj_description(d.oid, 'pg_database') IS NOT NULL;

-- Settings: lists such as search_path are stored with their elements quoted as identifiers, and an empty one as "", which SET
-- doesn't take: each element becomes a literal, as pg_dump writes them.
SELECT format('ALTER %s SET %I TO %s;',
  CASE WHEN s.setrole = 0 THEN format('DATABASE %I', :'side') ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), :'side') END,
  split_part(c.line, '=', 1),
  CASE WHEN lower(split_part(c.line, '=', 1)) IN
      ('local_preload_libraries', 'search_path', 'session_preload_libraries', 'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories')
    THEN coalesce((
      SELECT string_agg(quote_literal(coalesce(replace(e[1], '""', '"'), e[2])), ', ' ORDER BY n)
      FROM regexp_matches(substr(c.line, strpos(c.line, '=') + 1), '"((?:[^"]|"")*)"|([^",[:space:]][^,]*)', 'g') WITH ORDINALITY AS l(e, n)), '''''')
    ELSE quote_literal(substr(c.line, strpos(c.line, '=') + 1)) END)
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, LATERAL unnest(s.setconfig) WITH ORDINALITY AS c(line, place)
WHERE d.datname = current_database()
ORDER BY s.setrole, c.place;

-- Grants: a database without any has the built-in ones; with some, these and no others.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC; REVOKE ALL ON DATABASE %I FROM %I;', :'side', :'side', pg_get_userbyid(datdba))
FROM pg_database WHERE datname = current_database() AND datacl IS NOT NULL;
SELECT format('%sGRANT %s ON DATABASE %I TO %s%s;%s',
  CASE WHEN a.grantor <> d.datdba THEN format('SET SESSION AUTHORIZATION %I; ', pg_get_userbyid(a.grantor)) ELSE '' END,
  a.privilege_type, :'side', CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
  CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END,
  CASE WHEN a.grantor <> d.datdba THEN ' RESET SESSION AUTHORIZATION;' ELSE '' END)
FROM pg_database d, LATERAL aclexplode(d.datacl) WITH ORDINALITY AS a (grantor, grantee, privilege_type, is_grantable, place)
WHERE d.datname = current_database() ORDER BY a.place;
