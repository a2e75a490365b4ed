-- expect: commit-in-do@5:5
-- expect: commit-in-function@9:5
DO $$
BEGIN
    COMMIT;
END $$;
CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    COMMIT;
END $$;
