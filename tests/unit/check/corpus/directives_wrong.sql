-- expect: unknown-directive@12:1
-- expect: malformed-directive@13:1
-- expect: malformed-directive@15:1
-- expect: malformed-directive@16:1
-- expect: malformed-directive@17:1
-- expect: malformed-directive@18:1
-- expect: malformed-directive@19:1
-- expect: malformed-directive@20:1
-- expect: malformed-directive@21:1
-- expect: misplaced-directive@24:1
-- expect: unused-ignore@25:1
-- deploy: notransaction
-- deploy: lock-timeout soon
-- deploy: lock-timeout 1s
-- deploy: lock-timeout 2s
-- deploy: requires-extension
-- deploy: allow drop-table
-- deploy: allow insert-not-idempotent it is
-- deploy: ignore
-- deploy: ignore no-such-thing reason
-- deploy: ignore begin-without-commit because

SELECT 1;
-- deploy: repeatable
-- deploy: ignore drop-table there is none
SELECT 2;
