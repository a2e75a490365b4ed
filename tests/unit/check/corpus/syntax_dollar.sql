-- expect: never-ends@2:4
DO $body$ BEGIN NULL; END $bdy$;
