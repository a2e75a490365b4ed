-- expect: nested-begin@5:1
-- expect: unknown-savepoint@11:1
-- expect: unknown-savepoint@12:1
BEGIN;
BEGIN;
SELECT 1;
COMMIT;
BEGIN;
SAVEPOINT here;
ROLLBACK TO SAVEPOINT here;
ROLLBACK TO there;
RELEASE "Elsewhere";
COMMIT;
