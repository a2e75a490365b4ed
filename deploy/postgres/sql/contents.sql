-- Rows of every table but the ledger's, a line "table<TAB>rows<TAB>sum"; the sum is over the rows' contents, in any order, for tables in
-- which something was updated or deleted since the restore, else 0. Variable: ledger_schema.
SET search_path = '';
SET row_security = off;
SELECT pg_catalog.format('SELECT %L, pg_catalog.count(*), %s FROM ONLY %s t',
  pg_catalog.regexp_replace(c.oid::pg_catalog.regclass::text, '[\x01-\x1f]', ' ', 'g'),
  CASE WHEN coalesce(s.n_tup_upd + s.n_tup_del, 0) > 0 THEN 'coalesce(pg_catalog.sum(pg_catalog.hashtextextended(t::pg_catalog.text, 0)::pg_catalog.numeric), 0)' ELSE '0' END,
  c.oid::pg_catalog.regclass)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', :'ledger_schema')
ORDER BY c.oid::pg_catalog.regclass::text COLLATE "C"
\gexec
