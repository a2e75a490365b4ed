-- expect: fails-in-transaction@5:5
-- expect: fails-in-transaction@7:9
DO $$
BEGIN
    CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);
    IF true THEN
        EXECUTE 'DROP INDEX CONCURRENTLY IF EXISTS i';
    END IF;
    EXECUTE format('CREATE INDEX CONCURRENTLY IF NOT EXISTS %I ON t (a)', 'x');
END $$;
