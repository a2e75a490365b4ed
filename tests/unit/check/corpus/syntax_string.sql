-- expect: never-ends@2:8
SELECT 'a;
SELECT 1;
