-- Look, each time that `look` is executed, at the locks on tables that are held in a scratch database; `TABLE held` tells what was seen.
-- To be run in another database: in the scratch database itself CREATE INDEX CONCURRENTLY would wait for it. Variable: side.
CREATE TEMP TABLE held (transaction text, relation oid, mode text, since double precision, until double precision, PRIMARY KEY (transaction, relation, mode));
PREPARE look AS
INSERT INTO pg_temp.held
SELECT DISTINCT virtualtransaction, relation, mode, extract(epoch FROM pg_catalog.clock_timestamp()), extract(epoch FROM pg_catalog.clock_timestamp())
FROM pg_catalog.pg_locks
WHERE locktype = 'relation' AND granted AND relation >= 16384 AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = :'side')
  AND mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
ON CONFLICT (transaction, relation, mode) DO UPDATE SET until = excluded.until;
