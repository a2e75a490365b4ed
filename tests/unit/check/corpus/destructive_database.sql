-- expect: drop-database@3:1
-- expect: runs-outside-transaction@3:1
DROP DATABASE IF EXISTS d;
