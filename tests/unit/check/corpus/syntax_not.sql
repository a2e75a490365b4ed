-- expect: syntax-error@4:17
SELECT :columns FROM :"table" WHERE a = :'value' AND :extra;
\if :x
SELECT 1 broken here;
\endif
SELECT a || b || c || d || e || f || g || h || i || j || k || l || m || n || o || p || q || r || s || t || u || v || w || x || y || z || a || b || c || d || e || f || g || h || i || j || k || l || m || n || o || p || q || r || s || t || u || v || w || x || y || z FROM t;
