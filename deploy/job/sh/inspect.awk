# Read a plain dump: a line "table NAME ROWS" for each table with data, the versions, and "complete" when its last words are there.
# A COPY counts only behind pg_dump's own comment, so that a function's body can't pass for data.
BEGIN { OFS = "\t" }
copying {
  if ($0 == "\\.") { print "table", name, rows; copying = 0 } else rows++
  next
}
/^-- Data for Name: / { data = 1; next }
data && /^COPY .* FROM stdin;$/ {
  name = substr($0, 6)
  sub(/ FROM stdin;$/, "", name)
  # the name ends before the list of columns; a quoted name may contain anything
  end = 0; quoted = 0
  for (i = 1; i <= length(name); i++) {
    c = substr(name, i, 1)
    if (c == "\"") quoted = !quoted
    else if (c == " " && !quoted) { end = i; break }
  }
  if (end) name = substr(name, 1, end - 1)
  copying = 1; rows = 0; data = 0
  next
}
/ NOT VALID;$/ { unvalidated++ }
/^-- Dumped from database version / { print "server", $6; next }
/^-- Dumped by pg_dump version / { print "dumper", $6; next }
/^-- PostgreSQL database cluster dump/ { print "cluster"; next }
/^\\connect / { print "connects"; next }
/^-- PostgreSQL database dump complete/ { complete = 1; next }
complete && !/^(--.*|\\unrestrict .*|)$/ { complete = 0 }
END { print "unvalidated", unvalidated + 0; if (complete && !copying) print "complete" }
