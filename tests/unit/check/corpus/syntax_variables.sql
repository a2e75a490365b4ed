-- expect: syntax-error@6:8
-- expect: syntax-error@7:8
-- expect: drop-table@8:1
-- expect: syntax-error@8:22
-- expect: syntax-error@13:21
SELECT :missing;
SELECT :'quoted', :"also" FROM t;
DROP TABLE IF EXISTS :missing;
SELECT a[1:missing], b[:], ':missing', :{?missing} FROM t;
SELECT :USER, :'ROW_COUNT';
\set given 1
SELECT :given, :'given' FRM t u v;
SELECT :'given' FRM t u v;
\if :{?other}
SELECT :other;
\endif
SELECT 1 AS x \gset
SELECT :anything;
