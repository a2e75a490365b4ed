-- expect: syntax-error@3:15
-- expect: syntax-error@4:14
SELECT 1 FROM ;
SELECT 1 FROM
