-- An invalid index is never success: neither one that the file names, nor one that wasn't there before it.
SELECT CASE WHEN pg_catalog.count(*) > 0 THEN pg_catalog.json_build_object('event', 'invalid_indexes', 'indexes',
    pg_catalog.jsonb_agg(pg_catalog.format('%I.%I', n.nspname, c.relname))) END AS deploy_broken
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i'
  AND (c.relname = ANY (:'deploy_indexes'::name[]) OR :'deploy_way' = 'outside' AND i.indexrelid <> ALL (:'deploy_invalid'::oid[]))
\gset
\if :{?deploy_broken}
\warn :deploy_mark :deploy_broken
DO $$ BEGIN RAISE EXCEPTION 'an index is invalid' USING ERRCODE = 'DP002'; END $$;
\endif
