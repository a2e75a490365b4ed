-- expect: runs-outside-transaction@3:1
-- expect: runs-outside-transaction@4:1
VACUUM t;
ALTER SYSTEM SET work_mem = '1GB';
