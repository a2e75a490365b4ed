-- expect: unbalanced-if@3:1
-- expect: unbalanced-if@4:1
\else
\if true
SELECT 1;
\if false
\endif
