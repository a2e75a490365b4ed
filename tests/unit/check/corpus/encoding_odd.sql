-- expect: odd-character@7:33
-- expect: syntax-error@7:38
-- expect: odd-character@8:8
-- expect: odd-character@9:14
-- expect: syntax-error@10:13
-- expect: odd-character@10:20
CREATE TABLE IF NOT EXISTS a (id int);
SELECT ‘done’, '‘quoted’  ' AS "“x”"; -- “comment” —
SELECT с_id, сreated_at, имя_id FROM t;
DO $$ BEGIN PERFORM 1; END $$;
SELECT $$   $$;
