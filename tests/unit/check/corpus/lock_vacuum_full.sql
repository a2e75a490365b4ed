-- expect: runs-outside-transaction@5:1
-- expect: vacuum-full@5:1
-- expect: runs-outside-transaction@6:1
-- expect: vacuum-full@6:1
VACUUM (FULL, ANALYZE) t;
VACUUM FULL;
