# Make a dump by --create or --clean fit for an empty database of our own: leave out what names, makes or changes a database, and
# what drops things that aren't there. Variables: restrict, "no" where psql doesn't know \restrict; joined, "yes" where the dump
# becomes a part of a transaction, which the blocks around its large objects would end. A line that begins in a string is left alone.

copying {
  print
  if ($0 == "\\.") copying = 0
  next
}
data && /^COPY / {
  print
  open = ""
  while ($0 !~ / FROM stdin;$/ && (getline) > 0) print
  copying = 1; data = 0
  next
}
{ inside = open != ""; follow($0) }
inside {
  if (!of_database) print
  next
}
/^-- (Data for )?Name: .*; Type: .*; Schema: / {
  begun = 1
  data = /^-- Data for /
  of_blobs = /BLOB/
  of_database = /; Type: DATABASE( PROPERTIES)?;/ || /^-- Name: DATABASE .*; Type: (COMMENT|ACL|SECURITY LABEL);/
}
/^\\connect / { next }
restrict == "no" && /^\\(un)?restrict / { next }
# behind \connect come the same settings as at the dump's beginning
of_database && !/^(SET |SELECT pg_catalog\.set_config)/ { next }
joined == "yes" && of_blobs && /^(BEGIN|COMMIT);$/ { next }
!begun && /^(DROP |ALTER |SELECT pg_catalog\.lo_unlink)/ { next }
{ print }
