-- expect: syntax-error@7:5
-- expect: syntax-error@12:19
-- expect: syntax-error@17:19
-- expect: syntax-error@21:20
DO $$
BEGIN
    selec 1;
END $$;
CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.a = 1 THN
        RETURN NEW;
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION g() RETURNS int LANGUAGE sql AS $$
    SELECT 1 FORM t x
$$;
CREATE OR REPLACE FUNCTION h() RETURNS int AS '
BEGIN
    RETURN ''x'' ||;
END' LANGUAGE plpgsql;
