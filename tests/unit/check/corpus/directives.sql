-- deploy: lock-timeout 30s
-- deploy: statement-timeout 10min
-- deploy: repeatable
-- deploy: requires-extension "uuid-ossp"
-- deploy: allow drop-table nobody uses it

CREATE OR REPLACE VIEW v AS SELECT 1;
DROP TABLE IF EXISTS a;
DROP TABLE IF EXISTS b;
-- deploy: ignore delete-without-where it only has the cache
DELETE FROM cache;
DO $$
BEGIN
    -- deploy: ignore truncate the same
    TRUNCATE cache;
    NULL;
END $$;
-- deploy: ignore add-column-not-idempotent guarded elsewhere
ALTER TABLE c
    ADD COLUMN d int;
ALTER TABLE c
    ADD COLUMN IF NOT EXISTS d int,
    -- deploy: ignore drop-column dead since 2020
    DROP COLUMN IF EXISTS e;
