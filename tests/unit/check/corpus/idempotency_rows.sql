-- expect: insert-not-idempotent@10:1
-- expect: insert-not-idempotent@11:1
-- expect: insert-not-idempotent@12:12
-- expect: update-not-idempotent@13:1
-- expect: update-not-idempotent@14:1
-- expect: copy-not-idempotent@15:1
-- expect: copy-not-idempotent@18:1
-- expect: uses-file@18:1
-- expect: insert-not-idempotent@21:5
INSERT INTO t VALUES (1);
INSERT INTO t (a) SELECT 1;
WITH x AS (INSERT INTO u VALUES (1) RETURNING id) SELECT * FROM x;
UPDATE t SET a = a + 1 WHERE id = 3;
UPDATE t SET name = 'old ' || name WHERE id = 3;
COPY t FROM stdin;
1
\.
\copy t from 'data.csv' csv
DO $$
BEGIN
    INSERT INTO t VALUES (2);
END $$;
