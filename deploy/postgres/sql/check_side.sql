-- What a restore can get wrong without an error, one finding a line: "broken" stops, "behind" is worth knowing.
SET search_path = pg_catalog;
SELECT 'broken', format('the index %I.%I is invalid', n.nspname, c.relname)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i';
-- a dump writes only a parent's: its children and partitions inherit that it isn't validated
SELECT 'unvalidated', count(*) FROM pg_constraint WHERE NOT convalidated AND conislocal;
-- a sequence that is owned by a column must be at or beyond the largest value in it
SELECT format(
  'SELECT ''behind'', %L WHERE (SELECT max(%I) FROM %I.%I) > (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM %I.%I)',
  format('the sequence %I.%I is behind %I.%I.%I', sn.nspname, s.relname, tn.nspname, t.relname, a.attname),
  a.attname, tn.nspname, t.relname, sn.nspname, s.relname)
FROM pg_class s
JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p')
JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
WHERE s.relkind = 'S' AND sn.nspname !~ '^pg_'
\gexec
