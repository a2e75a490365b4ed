-- expect: begin-without-commit@2:1
BEGIN;
CREATE TABLE IF NOT EXISTS t (id int);
