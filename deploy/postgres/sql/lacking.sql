-- What a dump needs and this server lacks; the table "needed" holds roles as written by pg_dump, and extensions.
SELECT pg_catalog.format('the role %s', name) FROM needed
WHERE kind = 'owner' AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name)
UNION
SELECT pg_catalog.format('the role %s', name) FROM needed
WHERE kind = 'grantee' AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = (pg_catalog.parse_ident(name))[1])
UNION
SELECT pg_catalog.format('the extension %s', name) FROM needed
WHERE kind = 'extension' AND NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS e WHERE e.name = (pg_catalog.parse_ident(needed.name))[1])
LIMIT 5;
