-- expect: drop-table@26:1
-- expect: drop-schema@27:1
-- expect: drop-sequence@28:1
-- expect: drop-materialized-view@29:1
-- expect: drop-type@30:1
-- expect: drop-type@31:1
-- expect: drop-extension@32:1
-- expect: drop-owned@33:1
-- expect: drop-column@34:1
-- expect: truncate@35:1
-- expect: delete-without-where@36:1
-- expect: delete-without-where@37:1
-- expect: delete-without-where@38:1
-- expect: update-without-where@39:1
-- expect: update-without-where@40:1
-- expect: delete-without-where@41:15
-- expect: alter-column-type@42:1
-- expect: alter-column-type-rewrites@42:1
-- expect: rename-table@43:1
-- expect: rename-column@44:1
-- expect: rename-not-idempotent@44:1
-- expect: rename-not-idempotent@45:1
-- expect: rename-schema@45:1
-- expect: drop-table@49:9
-- expect: delete-without-where@50:9
DROP TABLE IF EXISTS a, b;
DROP SCHEMA IF EXISTS s CASCADE;
DROP SEQUENCE IF EXISTS q;
DROP MATERIALIZED VIEW IF EXISTS m;
DROP TYPE IF EXISTS t CASCADE;
DROP DOMAIN IF EXISTS d;
DROP EXTENSION IF EXISTS hstore CASCADE;
DROP OWNED BY r;
ALTER TABLE a2 DROP COLUMN IF EXISTS c;
TRUNCATE a2, b2;
DELETE FROM a2;
DELETE FROM a2 WHERE true;
DELETE FROM a2 WHERE 1 = 1;
UPDATE a2 SET x = 1;
UPDATE a2 SET x = 1 WHERE 'a' = 'a';
WITH gone AS (DELETE FROM a2 RETURNING *), kept AS (SELECT 1) SELECT * FROM gone;
ALTER TABLE a2 ALTER COLUMN x TYPE smallint;
ALTER TABLE IF EXISTS a3 RENAME TO a4;
ALTER TABLE a2 RENAME COLUMN x TO y;
ALTER SCHEMA s RENAME TO s2;
DO $$
BEGIN
    IF true THEN
        DROP TABLE IF EXISTS deep;
        EXECUTE 'DELETE FROM deeper';
    END IF;
END $$;
