-- Rows that were inserted, updated or deleted since the counters began, and which counters these are.
SELECT pg_catalog.concat_ws(' ', 'written',
  (SELECT coalesce(pg_catalog.sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_catalog.pg_stat_user_tables),
  pg_catalog.concat_ws('-', d.oid, coalesce(pg_catalog.date_part('epoch', s.stats_reset)::bigint, 0)))
FROM pg_catalog.pg_database d JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid
WHERE d.datname = pg_catalog.current_database();
