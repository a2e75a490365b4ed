-- expect: commit-without-begin@3:1
CREATE TABLE IF NOT EXISTS t (id int);
COMMIT;
