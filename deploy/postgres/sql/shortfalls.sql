-- What is there but not in force, a line each: invalid indexes, constraints that are not validated.
SET search_path = pg_catalog;
SELECT format('the index %I.%I is invalid', n.nspname, c.relname)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid
UNION ALL
SELECT format('the constraint %I of %I.%I is not validated', k.conname, n.nspname, c.relname)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT k.convalidated
ORDER BY 1;
