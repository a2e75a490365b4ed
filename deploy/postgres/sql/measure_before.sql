-- In a rehearsal, before a file: which relations there are and where their data lies, to tell afterwards what it rewrote.
SELECT coalesce(pg_catalog.jsonb_object_agg(oid, relfilenode), '{}') AS deploy_before
FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'm', 'i', 'I') AND oid >= 16384 \gset
