-- expect: never-ends@3:1
SELECT 1;
/* never /* ends */
