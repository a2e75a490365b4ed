-- Rows of every table that pg_dump takes data of, named as pg_dump names them: one line "schema.table<TAB>rows".
SET search_path = '';
SET row_security = off;
SELECT pg_catalog.format('SELECT %L, pg_catalog.count(*) FROM ONLY %s',
  pg_catalog.regexp_replace(c.oid::pg_catalog.regclass::text, '[\x01-\x1f]', ' ', 'g'), c.oid::pg_catalog.regclass)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY c.oid::pg_catalog.regclass::text COLLATE "C"
\gexec
