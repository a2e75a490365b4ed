-- expect: create-index-blocks-writes@26:1
-- expect: drop-index-blocks@27:1
-- expect: set-not-null-scans@28:1
-- expect: alter-column-type@29:1
-- expect: alter-column-type-rewrites@29:1
-- expect: add-foreign-key-scans@30:44
-- expect: add-check-scans@32:1
-- expect: add-unique-builds-index@34:1
-- expect: add-exclusion-builds-index@36:1
-- expect: add-column-rewrites@37:1
-- expect: add-column-rewrites@39:5
-- expect: add-column-rewrites@40:5
-- expect: add-column-rewrites@41:5
-- expect: add-unique-builds-index@42:5
-- expect: add-check-scans@43:5
-- expect: add-foreign-key-scans@44:5
-- expect: rewrites-table@45:1
-- expect: cluster@46:1
-- expect: reindex-blocks@47:1
-- expect: refresh-blocks@48:1
-- expect: lock-table@49:1
-- expect: lock-table@50:1
-- expect: add-column-not-null@51:1
-- expect: add-constraint-not-idempotent@52:1
-- expect: validates-under-lock@53:1
CREATE INDEX IF NOT EXISTS i ON t (a);
DROP INDEX IF EXISTS i2;
ALTER TABLE t ALTER COLUMN a SET NOT NULL;
ALTER TABLE t ALTER COLUMN a TYPE bigint;
ALTER TABLE t DROP CONSTRAINT IF EXISTS f, ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id);
ALTER TABLE t DROP CONSTRAINT IF EXISTS c;
ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);
ALTER TABLE t DROP CONSTRAINT IF EXISTS q;
ALTER TABLE t ADD CONSTRAINT q UNIQUE (a);
ALTER TABLE t DROP CONSTRAINT IF EXISTS x;
ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (r WITH &&);
ALTER TABLE t
    ADD COLUMN IF NOT EXISTS b uuid DEFAULT gen_random_uuid(),
    ADD COLUMN IF NOT EXISTS c bigserial,
    ADD COLUMN IF NOT EXISTS d int GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN IF NOT EXISTS e int GENERATED ALWAYS AS (a * 2) STORED,
    ADD COLUMN IF NOT EXISTS f int UNIQUE,
    ADD COLUMN IF NOT EXISTS g int CHECK (g > 0),
    ADD COLUMN IF NOT EXISTS h int DEFAULT 1 REFERENCES u (id);
ALTER TABLE t SET LOGGED;
CLUSTER t USING i;
REINDEX TABLE t;
REFRESH MATERIALIZED VIEW m;
LOCK TABLE t;
LOCK TABLE t IN SHARE MODE;
ALTER TABLE t ADD COLUMN IF NOT EXISTS required int NOT NULL;
ALTER TABLE t ADD CONSTRAINT later CHECK (a > 0) NOT VALID;
ALTER TABLE t VALIDATE CONSTRAINT later;
