-- expect: nested-begin@3:1
BEGIN;
BEGIN;
SELECT 1;
COMMIT;
