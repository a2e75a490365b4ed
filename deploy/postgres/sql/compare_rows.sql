-- Inside the transaction that restored: end it where a table hasn't as many rows as the dump. The temporary table deploy_expected
-- holds the names as count_rows.sql writes them.
SET LOCAL search_path = '';
SELECT pg_catalog.format('SELECT 1 / (pg_catalog.count(*) = %s)::int FROM ONLY %s', e.rows, c.oid::pg_catalog.regclass)
FROM pg_temp.deploy_expected e
LEFT JOIN pg_catalog.pg_class c ON c.relkind = 'r' AND c.relpersistence <> 't'
  AND pg_catalog.regexp_replace(c.oid::pg_catalog.regclass::text, '[\x01-\x1f]', ' ', 'g') = e.name
\gexec
RESET search_path;
