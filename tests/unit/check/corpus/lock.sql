-- expect: create-index-blocks-writes@22:1
-- expect: drop-index-blocks@23:1
-- expect: set-not-null-scans@24:1
-- expect: alter-column-type-rewrites@25:1
-- expect: add-foreign-key-scans@26:44
-- expect: add-check-scans@28:1
-- expect: add-unique-builds-index@30:1
-- expect: add-exclusion-builds-index@32:1
-- expect: add-column-rewrites@33:1
-- expect: add-column-rewrites@35:5
-- expect: add-column-rewrites@36:5
-- expect: add-column-rewrites@37:5
-- expect: add-unique-builds-index@38:5
-- expect: add-check-scans@39:5
-- expect: add-foreign-key-scans@40:5
-- expect: rewrites-table@41:1
-- expect: cluster@42:1
-- expect: reindex-blocks@43:1
-- expect: refresh-blocks@44:1
-- expect: lock-table@45:1
-- expect: lock-table@46:1
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
