-- deploy: no-transaction, both may be run again
ALTER TABLE t ADD COLUMN IF NOT EXISTS a int;
CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);
