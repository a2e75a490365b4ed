-- How rows are written, whatever the database's own settings are; a row that is hidden from us must not pass for a missing one.
SET search_path = pg_catalog;
SET row_security = off;
SET statement_timeout = 0;
SET default_transaction_read_only = off;
SET DateStyle = ISO;
SET IntervalStyle = postgres;
SET extra_float_digits = 1;
SET bytea_output = hex;
SET client_min_messages = warning;
