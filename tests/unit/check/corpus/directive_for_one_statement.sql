-- expect: drop-table@4:1
-- deploy: ignore drop-table it is empty
DROP TABLE IF EXISTS a;
DROP TABLE IF EXISTS b;
