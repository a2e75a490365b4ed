-- See timed.sql. Variables: ledger_schema, deploy_id.
SELECT pg_catalog.jsonb_build_object('event', 'timed', 'files', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
  'name', f.name, 'ms', f.duration_ms,
  'held', (
    SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('table', table_name, 'mode', mode, 'ms', ms) ORDER BY table_name, mode), '[]')
    FROM (
      SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS table_name, h.mode, pg_catalog.round(1000 * pg_catalog.max(
        least(h.until + 0.05, extract(epoch FROM f.finished_at)::double precision) - h.since)::numeric) AS ms
      FROM held h JOIN pg_catalog.pg_class c ON c.oid = h.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname <> :'ledger_schema' AND n.nspname !~ '^pg_'
        AND h.since BETWEEN extract(epoch FROM f.started_at) AND extract(epoch FROM f.finished_at)
      GROUP BY 1, 2) AS one))
  ORDER BY f.started_at, f.name), '[]'))
FROM :"ledger_schema".migrations f WHERE f.deploy_id = :'deploy_id' AND f.way <> 'baseline' AND f.finished_at IS NOT NULL;
