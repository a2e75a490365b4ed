# Read a plain dump: a line "table NAME ROWS" for each table with data, what it needs and contains, and "complete" when its last
# words are there; a line "applied NAME" for each finished row of the ledger (its variable: ledger). A COPY counts only behind
# pg_dump's own comment, and a line only where it doesn't begin in a string, so that a function's body can't pass for the dump.
BEGIN { OFS = "\t" }

copying {
  if ($0 == "\\.") { print "table", name, rows; copying = 0 } else rows++
  if (of_ledger && copying && split($0, fields, "\t") > 4 && fields[5] != "\\N") print "applied", fields[1]
  next
}
data && /^COPY / {
  # a control character in a name is a space here, as in count_rows.sql
  statement = $0
  while (statement !~ / FROM stdin;$/ && (getline line) > 0) statement = statement " " line
  open = ""
  gsub(/[\001-\037]/, " ", statement)
  name = substr(statement, 6)
  sub(/ FROM stdin;$/, "", name)
  # the name ends before the list of columns; a quoted name may contain anything
  end = 0; quoted = 0
  for (i = 1; i <= length(name); i++) {
    c = substr(name, i, 1)
    if (c == "\"") quoted = !quoted
    else if (c == " " && !quoted) { end = i; break }
  }
  if (end) name = substr(name, 1, end - 1)
  copying = 1; rows = 0; data = 0; of_ledger = name == ledger
  next
}
{ inside = open != ""; follow($0) }
/ NOT VALID;$/ && open == "" { unvalidated++ }
/^-- PostgreSQL database dump complete/ { complete = 1; next }
complete && !/^(--.*|\\unrestrict .*)?$/ { complete = 0 }
inside { next }
/^-- (Data for )?Name: .*; Type: .*; Schema: / {
  begun = 1
  data = /^-- Data for /
  owner = $0
  if (sub(/^.*; Owner: /, "", owner) && owner != "-" && owner != "") roles[owner]
  next
}
/^CREATE EXTENSION IF NOT EXISTS / { extensions[$6]; next }
/^GRANT .* TO .*;$/ {
  grantee = $0
  sub(/^.* TO /, "", grantee); sub(/ WITH GRANT OPTION;$/, ";", grantee); sub(/;$/, "", grantee)
  if (grantee != "PUBLIC") grantees[grantee]
  next
}
/^CREATE SCHEMA public;$/ { print "creates", "public" }
!begun && /^(DROP |ALTER |SELECT pg_catalog\.lo_unlink)/ { cleans = 1 }
/^-- Dumped from database version / { print "server", $6; next }
/^-- Dumped by pg_dump version / { print "dumper", $6; next }
/^-- PostgreSQL database cluster dump/ { print "cluster"; next }
/^\\connect / { connects = 1; next }
END {
  for (role in roles) print "owner", role
  for (role in grantees) print "grantee", role
  for (extension in extensions) print "extension", extension
  print "unvalidated", unvalidated + 0
  if (cleans) print "cleans"
  if (connects) print "connects"
  if (complete && !copying) print "complete"
}
