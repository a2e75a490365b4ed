-- expect: ends-in-rollback@4:1
BEGIN;
CREATE TABLE IF NOT EXISTS t (id int);
ROLLBACK;
