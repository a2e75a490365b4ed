-- The names that count as applied. Variable: ledger_schema.
SET search_path = pg_catalog;
SELECT to_regclass(pg_catalog.format('%I.migrations', :'ledger_schema')) IS NOT NULL AS has_ledger \gset
\if :has_ledger
SELECT name FROM :"ledger_schema".migrations WHERE finished_at IS NOT NULL ORDER BY name COLLATE "C";
\endif
