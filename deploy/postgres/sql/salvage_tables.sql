-- Describe the tables of the replaced database. Variables: wanted (a table, or empty for all), ledger_schema.
COPY (
  SELECT json_build_object(
    'schema', n.nspname,
    'name', c.relname,
    'source', format('%s%I.%I', CASE c.relkind WHEN 'r' THEN 'ONLY ' END, n.nspname, c.relname),
    'columns', (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'key', (
      SELECT json_agg(a.attname ORDER BY a.attname)
      FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (attnum, place), pg_attribute a
      WHERE i.indrelid = c.oid AND i.indisprimary AND k.place <= i.indnkeyatts AND a.attrelid = c.oid AND a.attnum = k.attnum))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')
    -- a ledger row without what its migration did would be a lie
    AND NOT (n.nspname = :'ledger_schema' AND c.relname = 'migrations')
    AND CASE :'wanted' WHEN '' THEN NOT c.relispartition ELSE
      :'wanted' IN (c.relname, quote_ident(c.relname), n.nspname || '.' || c.relname, format('%I.%I', n.nspname, c.relname)) END
) TO STDOUT;
