-- expect: syntax-error@3:74
SET check_function_bodies = off;
CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN selec 1; END $$;
