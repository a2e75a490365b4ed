-- expect: syntax-error@8:17
\set columns a
\set table t
\set value 1
\set extra true
SELECT :columns FROM :"table" WHERE a = :'value' AND :extra;
\if :x
SELECT 1 broken here;
\endif
SELECT a || b || c || d || e || f || g || h || i || j || k || l || m || n || o || p || q || r || s || t || u || v || w || x || y || z || a || b || c || d || e || f || g || h || i || j || k || l || m || n || o || p || q || r || s || t || u || v || w || x || y || z FROM t;
