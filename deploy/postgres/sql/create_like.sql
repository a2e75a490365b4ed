-- Write the SQL that makes an empty database like the current one, as far as only CREATE DATABASE can say it. Variable: side.
SET search_path = pg_catalog;
SELECT current_setting('server_version_num')::int >= 150000 AS has_provider, current_setting('server_version_num')::int >= 160000 AS has_rules,
  current_setting('server_version_num')::int >= 170000 AS has_builtin \gset
\set provider ''''''
\if :has_provider
  \set provider 'CASE d.datlocprovider WHEN ''i'' THEN format('' LOCALE_PROVIDER icu ICU_LOCALE %L'', d.daticulocale) ELSE '' LOCALE_PROVIDER libc'' END'
\endif
\if :has_rules
  \set provider 'CASE d.datlocprovider WHEN ''i'' THEN format('' LOCALE_PROVIDER icu ICU_LOCALE %L'', d.daticulocale) || coalesce(format('' ICU_RULES %L'', d.daticurules), '''') ELSE '' LOCALE_PROVIDER libc'' END'
\endif
\if :has_builtin
  \set provider 'CASE d.datlocprovider WHEN ''i'' THEN format('' LOCALE_PROVIDER icu ICU_LOCALE %L'', d.datlocale) || coalesce(format('' ICU_RULES %L'', d.daticurules), '''') WHEN ''b'' THEN format('' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L'', d.datlocale) ELSE '' LOCALE_PROVIDER libc'' END'
\endif
SELECT format('CREATE DATABASE %I TEMPLATE template0 OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L%s%s;',
  :'side', pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, :provider,
  -- naming even the usual one takes a right that only superusers have
  CASE WHEN t.spcname <> 'pg_default' THEN format(' TABLESPACE %I', t.spcname) ELSE '' END)
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = current_database();
