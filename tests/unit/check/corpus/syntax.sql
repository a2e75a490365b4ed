-- expect: syntax-error@4:38
-- expect: syntax-error@5:7
-- expect: syntax-error@6:29
CREATE TABLE IF NOT EXISTS a (id int,);
ALTER TABEL a ADD COLUMN b int;
INSERT INTO a VALUES ('é', 1;
SELECT 'é' FORM a;
SELECT (1
