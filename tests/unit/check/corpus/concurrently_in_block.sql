-- expect: fails-in-transaction@3:1
BEGIN;
CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);
COMMIT;
