# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Put a backup into a database of its own, beside the live one, and prove that it is all there.

# open_backup FILE: sets dump_format; the content tells, not the name
open_backup() {
  case $(head -c 5 "$1" | od -An -tx1 | tr -d ' \n') in
    1f8b*) dump_format=gzip ;;
    28b52ffd*) dump_format=zstd ;;
    5047444d50) dump_format=custom ;;
    746f632e64) dump_format=tar ;; # its first file is toc.dat
    *) dump_format=plain ;;
  esac
}

# read_backup FILE: the dump as SQL on stdout
read_backup() { read_dump "$dump_format" <"$1"; }

# read_dump FORMAT: the same of a dump that comes on stdin
read_dump() {
  case $1 in
    gzip) gzip -dc ;;
    zstd) zstd -dcq ;;
    custom | tar) pg "$database" pg_restore -f - ;;
    plain) cat ;;
  esac
}

# That something was read in vain is a file without content, which a full disk takes too.

# check_backup FILE [SHA256]: every byte of it is read before anything relies on it
check_backup() {
  restored_file=$1
  maintenance=$(maintenance_database) || fail database "no other database than $database to connect to"
  open_backup "$1"
  sha256sum "$1" >"$job/sum" &
  rm -f "$job/damaged"
  { read_backup "$1" 7>&- || : >"$job/damaged"; } | awk -v ledger="$ledger_schema.migrations" -f "$job/sh/quotes.awk" -f "$job/sh/inspect.awk" >"$job/restored_dump"
  wait $! || fail backup_unusable "it can't be read"
  read -r restored_sum _ <"$job/sum"
  if [ -e "$job/damaged" ]; then fail backup_unusable "it is damaged"; fi
  if [ -n "${2-}" ] && [ "$restored_sum" != "$2" ]; then fail backup_unusable "its sha256 isn't the one in its manifest"; fi
  if ! grep -q '^dumper' "$job/restored_dump"; then fail backup_unusable "it isn't a dump by pg_dump"; fi
  if grep -q '^cluster' "$job/restored_dump"; then fail backup_unusable "it is a dump of a whole server by pg_dumpall"; fi
  if ! grep -q '^complete' "$job/restored_dump"; then fail backup_unusable "it has no end: it was cut off"; fi
  dumper=$(awk -F '\t' '$1 == "dumper" {print int($2); exit}' "$job/restored_dump")
  if [ "${dumper:-0}" -gt "$((server_version / 10000))" ]; then
    fail backup_unusable "it was made by pg_dump $dumper, the server is $((server_version / 10000))"
  fi
  require_needs
}

# require_needs: roles and extensions are not in a dump, which only names them
require_needs() {
  {
    printf 'CREATE TEMP TABLE needed (kind text, name text);\nCOPY needed FROM stdin;\n'
    awk -F '\t' '$1 == "owner" || $1 == "grantee" || $1 == "extension" {gsub(/\\/, "\\\\&"); print $1 "\t" $2}' "$job/restored_dump"
    printf '\\.\n'
    cat "$job/sql/lacking.sql"
  } | query "$maintenance" >"$job/lacking" 7>&- || fail database "what the backup needs could not be looked up"
  if [ -s "$job/lacking" ]; then fail backup_unusable "it needs $(head -n 1 "$job/lacking"), which this server lacks"; fi
}

# fit_for_side JOINED: the dump on stdin as it can go into an empty database; yes where it is a part of a transaction of ours
fit_for_side() {
  restrict=yes
  printf '\\restrict x\n\\unrestrict x\n' | query "$maintenance" >/dev/null 2>&1 7>&- || restrict=no
  if [ "$1" = yes ] || [ "$restrict" = no ] || grep -q -e '^connects' -e '^cleans' "$job/restored_dump"; then
    awk -v restrict="$restrict" -v joined="$1" -f "$job/sh/quotes.awk" -f "$job/sh/for_side.awk"
  else
    cat
  fi
}

# has_extension NAME: is it in the backup?
has_extension() {
  awk -F '\t' -v name="$1" '$1 == "extension" && $2 == name {found = 1} END {exit !found}' "$job/restored_dump"
}

# create_side NAME: an empty database with the encoding, locale, owner and tablespace of the live one
create_side() {
  side=$1
  do_at_end drop_side
  query "$database" -v side="$side" <"$job/sql/create_like.sql" >"$job/create_side.sql" 7>&- || fail database "the live database's properties can't be read"
  query "$maintenance" <"$job/create_side.sql" >/dev/null 7>&- || fail restore_failed "the side database can't be created"
  side_oid=$(query "$maintenance" -v live="$side" <"$job/sql/oid.sql" 7>&-) && [ -n "$side_oid" ] || fail database "$side can't be looked up"
}

# dress_side: what a plain dump leaves out, and what would stand in a restore's way: settings, grants, comment, limits
dress_side() {
  query "$database" -v side="$side" <"$job/sql/dress_like.sql" >"$job/dress_side.sql" 7>&- || fail database "the live database's properties can't be read"
  query "$maintenance" -1 <"$job/dress_side.sql" >/dev/null 7>&- || fail restore_failed "the live database's properties can't be given to the side database"
}

drop_side() {
  if [ -n "$side" ]; then query "$maintenance" -v side="$side" <"$job/sql/drop_side.sql" >/dev/null 2>&1 7>&-; fi
}

# drop_copy: nobody needs it any more
drop_copy() {
  drop_side || emit "{\"event\":\"warning\",\"text\":\"the scratch database $(json "$side") could not be dropped; repair removes it\"}"
  side=
}

# restore_side: strictly, into a database that nobody uses
restore_side() {
  rm -f "$job/damaged"
  pg_options_before=$pg_options
  pg_options="$pg_options -c synchronous_commit=off -c maintenance_work_mem=256MB -c client_min_messages=warning"
  if grep -q '^creates' "$job/restored_dump"; then
    query "$side" -c 'DROP SCHEMA public' </dev/null >/dev/null 7>&- || fail restore_failed "the schema public can't be replaced"
  fi
  if has_extension timescaledb; then
    query "$side" -c 'CREATE EXTENSION IF NOT EXISTS timescaledb' -c 'SELECT timescaledb_pre_restore()' </dev/null >/dev/null 7>&- ||
      fail restore_failed "timescaledb_pre_restore() failed"
  fi
  begin_progress 3 size_of_side
  if [ "$dump_format" = custom ] && ! has_extension timescaledb; then
    # -d takes a connection string, in which the name is quoted
    with_database "$side" sh -c "$(cat "$job/sh/restore_custom.sh")" restore "$pg_bin" \
      "dbname='$(printf '%s' "$side" | sed "s/[\\\\']/\\\\&/g")'" <"$restored_file" >/dev/null 7>&- || fail restore_failed "pg_restore ended with status $?"
  else
    { read_backup "$restored_file" 7>&- || : >"$job/damaged"; } | fit_for_side no |
      query "$side" >/dev/null 7>&- || fail restore_failed "psql ended with status $?"
  fi
  end_progress
  if has_extension timescaledb; then
    query "$side" -c 'SELECT timescaledb_post_restore()' </dev/null >/dev/null 7>&- || fail restore_failed "timescaledb_post_restore() failed"
  fi
  if [ -e "$job/damaged" ]; then fail backup_unusable "it could not be read twice"; fi
  # a partition that is a foreign table may be out of reach, and statistics are no part of the proof
  query "$side" -c ANALYZE </dev/null >/dev/null 7>&- ||
    emit '{"event":"warning","text":"ANALYZE failed: queries may be slow until autovacuum has been there"}'
  pg_options=$pg_options_before
}

# compare_side: rows per table as the dump has them
compare_side() {
  query "$side" -F "$(printf '\t')" <"$job/sql/count_rows.sql" >"$job/side_rows" 7>&- || fail restore_failed "the rows could not be counted"
  awk -F '\t' -v OFS='\t' '$1 == "table" {print $2, $3}' "$job/restored_dump" | LC_ALL=C sort >"$job/dump_rows"
  if ! awk -F '\t' '
    FILENAME == ARGV[1] {rows[$1] = $2; next}
    !($1 in rows) || rows[$1] != $2 {print $1 " has " ($1 in rows ? rows[$1] : "no") " rows instead of " $2; bad = 1; exit}
    END {exit bad}' "$job/side_rows" "$job/dump_rows" >"$job/differs"; then
    fail restore_failed "$(cat "$job/differs")"
  fi
}

# check_side: what a restore can get wrong without saying so
check_side() {
  query "$side" -F "$(printf '\t')" <"$job/sql/check_side.sql" >"$job/findings" 7>&- || fail restore_failed "what was restored could not be checked"
  if grep -q '^broken' "$job/findings"; then
    fail restore_failed "$(awk -F '\t' '$1 == "broken" {print $2; exit}' "$job/findings")"
  fi
  # a constraint that was NOT VALID when it was dumped stays so; any other must hold
  unvalidated=$(awk -F '\t' '$1 == "unvalidated" {print $2}' "$job/findings")
  if [ "$unvalidated" -gt "$(awk -F '\t' '$1 == "unvalidated" {print $2}' "$job/restored_dump")" ]; then
    fail restore_failed "a constraint is not validated"
  fi
  awk -F '\t' '$1 == "behind" {print $2}' "$job/findings" | while read -r finding; do
    emit "{\"event\":\"warning\",\"text\":\"$(json "$finding"): the next insert would fail\"}"
  done
}

# last_migration: of the restored dump's ledger, as JSON
last_migration() {
  last=$(awk -F '\t' '$1 == "applied" {print $2}' "$job/restored_dump" | sort -n | tail -n 1)
  if [ -n "$last" ]; then printf '"%s"' "$(json "$last")"; else printf 'null'; fi
}

# prove NAME KIND TAKEN_AT: write into the manifest when it was restored; a file without one gets one now
prove() {
  restored_at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  if [ ! -f "$backups/$1.json" ]; then
    cp "$job/restored_dump" "$job/dump"
    migration_json=$(last_migration)
    dump_bytes=$(wc -c <"$backups/$1" | tr -d ' ')
    dump_sum=$restored_sum
    write_manifest "$1" "$2" "$3" >"$backups/.$1.json.part" || return 1
    mv "$backups/.$1.json.part" "$backups/$1.json" || return 1
  fi
  sed -e "s/\"restored_at\":null/\"restored_at\":\"$restored_at\"/" -e "s/\"restored_at\":\"[^\"]*\"/\"restored_at\":\"$restored_at\"/" \
    "$backups/$1.json" >"$backups/.$1.json.part" || return 1
  sync "$backups/.$1.json.part" 2>/dev/null || sync
  mv "$backups/.$1.json.part" "$backups/$1.json" || return 1
  emit "{\"event\":\"proven\",\"backup\":\"$1\",\"restored_at\":\"$restored_at\"}"
}
