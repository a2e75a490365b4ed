-- Write the SQL that finds and writes the rows of each table, parents before their children: a line "@MARK NUMBER.PART", and the part.
-- Parts: json (for the report) and, where the table can be compared, read, load, compare and write. Variables: mark, form.
CREATE TEMP TABLE planned AS
WITH RECURSIVE ours AS (
  SELECT c.oid, n.nspname, c.relname, format('%s%I.%I', CASE c.relkind WHEN 'r' THEN 'ONLY ' END, n.nspname, c.relname) AS source,
    format('%I.%I', n.nspname, c.relname) AS target, i.indclass, i.indkey, i.indnkeyatts
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
  WHERE c.relkind IN ('r', 'p')
), fk AS (
  SELECT DISTINCT conrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid
), depth (oid, n) AS (
  SELECT oid, 0 FROM ours UNION SELECT fk.conrelid, depth.n + 1 FROM depth JOIN fk ON fk.confrelid = depth.oid WHERE depth.n < 40
), keys AS (
  SELECT o.oid, jsonb_agg(a.attname ORDER BY a.attname) AS names,
    string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attname) AS list,
    string_agg(format('t.%I AS k%s', a.attname, a.attnum), ', ' ORDER BY a.attname) AS numbered,
    -- the operator of the index itself: search_path may not know it, or another one by its name
    string_agg(format('t.%I OPERATOR(%I.%s) l.k%s', a.attname, s.nspname, p.oprname, a.attnum), ' AND ') AS same
  FROM ours o, unnest(o.indkey::int2[], o.indclass::oid[]) WITH ORDINALITY AS k (attnum, opclass, place)
    JOIN pg_opclass q ON q.oid = k.opclass
    JOIN pg_amop m ON m.amopfamily = q.opcfamily AND m.amoplefttype = q.opcintype AND m.amoprighttype = q.opcintype AND m.amopstrategy = 3
    JOIN pg_operator p ON p.oid = m.amopopr
    JOIN pg_namespace s ON s.oid = p.oprnamespace,
    pg_attribute a
  WHERE k.place <= o.indnkeyatts AND a.attrelid = o.oid AND a.attnum = k.attnum
  GROUP BY o.oid
)
SELECT row_number() OVER (ORDER BY (SELECT max(depth.n) FROM depth WHERE depth.oid = o.oid), t ->> 'schema', t ->> 'name') AS n,
  t, o.oid, o.source, o.target, k.list AS keys, k.numbered, k.same,
  CASE
    WHEN jsonb_typeof(t -> 'key') = 'null' THEN 'it has no primary key'
    WHEN o.oid IS NULL THEN 'the live database has no such table'
    WHEN k.names IS DISTINCT FROM t -> 'key' THEN 'its primary key is not that of the live table'
  END AS reason,
  c.columns, c.list, c.literals, c.overriding, c.sequences, l.left_out
FROM pg_temp.theirs
  LEFT JOIN ours o ON o.nspname = t ->> 'schema' AND o.relname = t ->> 'name'
  LEFT JOIN keys k ON k.oid = o.oid,
  LATERAL (
    SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY x.place) AS list,
      string_agg(quote_ident(a.attname), ', ' ORDER BY x.place) FILTER (WHERE a.attgenerated = '') AS columns,
      string_agg(format('format(''%%L'', t.%I)', a.attname), ' || '', '' || ' ORDER BY x.place) FILTER (WHERE a.attgenerated = '') AS literals,
      CASE WHEN bool_or(a.attidentity = 'a') THEN ' OVERRIDING SYSTEM VALUE' ELSE '' END AS overriding,
      -- or the next insert would get a number that a row has which came back
      string_agg(format('SELECT pg_catalog.setval(%1$L, max(%2$I)) AS next FROM %3$s HAVING max(%2$I) >= (SELECT last_value FROM %1$s);',
        q.sequence, a.attname, o.source), E'\n') FILTER (WHERE q.sequence IS NOT NULL) AS sequences
    FROM jsonb_array_elements_text(t -> 'columns') WITH ORDINALITY AS x (name, place)
      JOIN pg_attribute a ON a.attrelid = o.oid AND a.attname = x.name AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN LATERAL pg_get_serial_sequence(o.target, a.attname) AS q (sequence) ON true
  ) AS c,
  LATERAL (
    SELECT coalesce(json_agg(x.name ORDER BY x.place) FILTER (WHERE a.attname IS NULL AND o.oid IS NOT NULL), '[]') AS left_out
    FROM jsonb_array_elements_text(t -> 'columns') WITH ORDINALITY AS x (name, place)
      LEFT JOIN pg_attribute a ON a.attrelid = o.oid AND a.attname = x.name AND a.attnum > 0 AND NOT a.attisdropped
  ) AS l;

-- Rows of a table that refers to itself go into one statement, as a row may come before its parent.
SELECT format(E'@%s %s.%s\n%s', :'mark', p.n, part.name, part.text)
FROM pg_temp.planned p,
  LATERAL (SELECT CASE WHEN EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conrelid = p.oid AND f.confrelid = p.oid)
    THEN 2147483647 ELSE 500 END AS size) AS batch,
  LATERAL (VALUES
    ('json', json_build_object('n', p.n, 'table', format('%I.%I', t ->> 'schema', t ->> 'name'),
      'columns_left_out', left_out, 'reason', coalesce(reason, ''))::text),
    ('read', format('COPY (SELECT t.tableoid, t.ctid, %s FROM %s AS t) TO STDOUT;', keys, t ->> 'source')),
    ('load', format(E'CREATE TEMP TABLE lost AS SELECT NULL::oid AS tab, NULL::tid AS place, %s FROM %s AS t WITH NO DATA;\nCOPY pg_temp.lost FROM STDIN;',
      numbered, source)),
    ('compare', format(E'ANALYZE pg_temp.lost;\nCOPY (SELECT l.tab, l.place FROM pg_temp.lost l WHERE NOT EXISTS (SELECT FROM %s AS t WHERE %s)) TO STDOUT;',
      source, same)),
    ('write', CASE :'form'
      WHEN 'csv' THEN format('COPY (SELECT %s FROM %s AS t JOIN pg_temp.lost l ON l.place = t.ctid AND l.tab = t.tableoid ORDER BY %s) TO STDOUT WITH (FORMAT csv, HEADER);',
        list, t ->> 'source', keys)
      ELSE format($$\set FETCH_COUNT 1000
SELECT %L;
SELECT CASE WHEN n %% %s = 1 THEN %L ELSE '' END || '(' || row_text || ')'
  || CASE WHEN n %% %s = 0 OR n = (SELECT count(*) FROM pg_temp.lost) THEN E'\nON CONFLICT DO NOTHING;' ELSE ',' END
FROM (
  SELECT row_number() OVER (ORDER BY %s) AS n, %s AS row_text FROM %s AS t JOIN pg_temp.lost l ON l.place = t.ctid AND l.tab = t.tableoid
) AS rows ORDER BY n;
SELECT %L;$$,
        E'BEGIN;\nSET LOCAL client_encoding = ''UTF8'';\nSET LOCAL IntervalStyle = postgres;',
        batch.size, format(E'INSERT INTO %s (%s)%s VALUES\n', target, columns, overriding), batch.size,
        keys, literals, t ->> 'source', concat_ws(E'\n', sequences, 'COMMIT;'))
      END)
  ) AS part (name, text)
WHERE part.name = 'json' OR p.reason IS NULL
ORDER BY p.n;
