-- expect: add-column-not-idempotent@25:1
-- expect: drop-column@26:1
-- expect: drop-column-not-idempotent@26:1
-- expect: add-column-not-idempotent@27:1
-- expect: add-column-not-idempotent@29:5
-- expect: drop-constraint-not-idempotent@30:5
-- expect: add-constraint-not-idempotent@31:1
-- expect: partition-not-idempotent@32:1
-- expect: detach-partition-blocks@33:1
-- expect: partition-not-idempotent@33:1
-- expect: alter-not-idempotent@34:1
-- expect: alter-not-idempotent@35:1
-- expect: rename-not-idempotent@36:1
-- expect: add-enum-value-not-idempotent@37:1
-- expect: rename-not-idempotent@38:1
-- expect: alter-not-idempotent@39:1
-- expect: add-constraint-not-idempotent@40:1
-- expect: drop-constraint-not-idempotent@41:1
-- expect: alter-not-idempotent@42:1
-- expect: alter-not-idempotent@43:1
-- expect: drop-not-idempotent@44:1
-- expect: drop-not-idempotent@45:1
-- expect: breaks-atomicity@46:1
-- expect: drop-not-idempotent@46:1
ALTER TABLE t ADD COLUMN a int;
ALTER TABLE t DROP COLUMN b;
ALTER TABLE t
    ADD COLUMN c int,
    ADD COLUMN d int,
    DROP CONSTRAINT e;
ALTER TABLE t ADD CONSTRAINT f CHECK (a > 0) NOT VALID;
ALTER TABLE t ATTACH PARTITION p DEFAULT;
ALTER TABLE t DETACH PARTITION p;
ALTER TABLE t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE t INHERIT u;
ALTER INDEX i RENAME TO j;
ALTER TYPE e ADD VALUE 'x';
ALTER TYPE e RENAME VALUE 'x' TO 'y';
ALTER TYPE c ADD ATTRIBUTE z int;
ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE > 0);
ALTER DOMAIN d DROP CONSTRAINT m;
ALTER TABLE t SET SCHEMA other;
ALTER PUBLICATION p ADD TABLE t;
DROP VIEW v;
DROP ROLE r;
DROP SUBSCRIPTION s;
