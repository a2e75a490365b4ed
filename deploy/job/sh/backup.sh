# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Take a backup that counts: written under a name that no glob of ours matches, inspected while it is written, read back, and only then
# published.

# back_up NAME KIND
back_up() {
  write_backup "$1"
  publish_backup "$1" "$2" || { fail_for_space; fail backup_failed "$backup could not be published"; }
  written_backup="$backups/$1"
  emit "{\"event\":\"backed_up\",\"backup\":\"$backup\",\"bytes\":$dump_bytes,\"sha256\":\"$dump_sum\",\"tables\":$dump_tables,\"rows\":$dump_rows}"
}

# write_backup NAME: a dump that proves itself, not published yet
write_backup() {
  backup=$1
  mkdir -p "$backups" && chmod 700 "$backups" || fail directory "can't make $backups"
  backup_part="$backups/.$backup.part"
  do_at_end drop_partial_backup
  emit "{\"event\":\"backing_up\",\"backup\":\"$backup\"}"
  case $1 in
    *.sql.zst) backup_format=zstd ;;
    *.dump) backup_format=custom ;;
    *) backup_format=gzip ;;
  esac
  begin_progress 1 size_of_backup "$backup_part" "${backup#*.}"
  write_dump 6>&- 7>&-
  wrote=$?
  end_progress
  if [ "$wrote" -ne 0 ]; then fail directory "can't make a fifo in $job"; fi
  if [ "$dumped" != 0 ] || [ "$stored" != "0 0" ]; then
    fail_for_space
    if [ "$dumped" = 0 ]; then fail backup_failed "the dump could not be written to $backups"; fi
    fail backup_failed "pg_dump ended with status ${dumped:-unknown}"
  fi
  inspect_dump || fail backup_unverified "$inspected"
  if ! has_all_tables "$job/held"; then
    # a table dropped by the application while the dump began is no fault
    list_tables >"$job/held_again" || fail database "the tables could not be listed again"
    has_all_tables "$job/held_again" || fail backup_unverified "the dump lacks the table $lacking_table: is it of another database?"
  fi
  written_backup=$backup_part
}

# dump: pg_dump compresses by itself, which is faster than a program behind it
dump() {
  case $backup_format in
    zstd) set -- -Zzstd:3 ;;
    custom) set -- -Z1 -Fc ;;
    *) set -- -Z1 ;;
  esac
  # bytes of no encoding can't be told in UTF-8
  if grep -q '^encoding SQL_ASCII' "$job/held"; then set -- "$@" --encoding=SQL_ASCII; fi
  pg "$database" pg_dump "$@" --lock-wait-timeout=60000
}

# write_dump: to the disk, and at the same time to what takes the sum and reads the SQL in it, for that costs no time while pg_dump
# works. Sets dumped and stored: what pg_dump, tee and cat ended with, each by itself, for a pipe tells only the last. The file stands
# behind cat, so that a full disk stops pg_dump.
write_dump() {
  rm -f "$job/dumped" "$job/teed" "$job/for_sum" "$job/for_sql"
  mkfifo "$job/for_sum" "$job/for_sql" || return 1
  rm -f "$job/damaged"
  # they open their fifo before they start anything, so to kill them is enough should tee never do
  sha256 <"$job/for_sum" >"$job/sum" &
  summing=$!
  { { read_dump "$backup_format" || : >"$job/damaged"; } | awk -f "$job/sh/quotes.awk" -f "$job/sh/inspect.awk" >"$job/dump" || : >"$job/damaged"; } <"$job/for_sql" &
  reading=$!
  {
    dump </dev/null
    echo $? >"$job/dumped"
  } | {
    tee "$job/for_sum" "$job/for_sql"
    echo $? >"$job/teed"
  } | cat >"$backup_part"
  stored="$(cat "$job/teed" 2>/dev/null) $?"
  dumped=$(cat "$job/dumped" 2>/dev/null)
  if [ "$stored" != "0 0" ]; then kill "$summing" "$reading" 2>/dev/null; fi
  wait "$summing" || : >"$job/damaged"
  wait "$reading" || : >"$job/damaged"
  rm -f "$job/for_sum" "$job/for_sql"
}

drop_partial_backup() { rm -f "$backup_part" "$backup_part.json"; }

fail_for_space() {
  free_kb=$(df -Pk "$remote_dir" | awk 'NR == 2 {print $4}')
  if [ "${free_kb:-0}" -lt 1024 ]; then fail no_space "$free_kb KB are free in $remote_dir"; fi
}

list_tables() {
  query "$database" -v ledger_schema="$ledger_schema" -v lock_key="$lock_key" -v apply_key="$apply_key" <"$job/sql/hold.sql" 7>&-
}

# has_all_tables LIST: is every table of this list, which hold.sql printed, in the dump? Sets lacking_table
has_all_tables() {
  lacking_table=$(awk -F '\t' '
    FILENAME == ARGV[1] {if ($1 == "table") there[$2]; next}
    /^table / && !(substr($0, 7) in there) {print substr($0, 7); exit}' "$job/dump" "$1")
  [ -z "$lacking_table" ]
}

# inspect_dump: what was read while it was written has an end, and what stands in the file now is the same to the last byte
inspect_dump() {
  inspected="the dump is damaged"
  if [ -e "$job/damaged" ]; then return 1; fi
  read -r dump_sum _ <"$job/sum" || return 1
  dump_bytes=$(wc -c <"$backup_part" | tr -d ' ')
  dump_tables=$(awk -F '\t' '$1 == "table"' "$job/dump" | wc -l | tr -d ' ')
  dump_rows=$(awk -F '\t' '$1 == "table" {n += $3} END {print n + 0}' "$job/dump")
  if ! grep -q '^complete' "$job/dump"; then
    inspected="the dump has no end: it was cut off"
    return 1
  fi
  inspected="the file isn't what pg_dump wrote"
  to_the_disk "$backup_part" || return 1
  found_sum=$(sha256 <"$backup_part") && [ "${found_sum%% *}" = "$dump_sum" ]
}

# sha256: the sha256 of stdin as the first word; OpenSSL uses what the processor has for it, five times faster than many a sha256sum
sha256() {
  if command -v openssl >/dev/null; then openssl dgst -sha256 -r; else sha256sum; fi
}

# to_the_disk FILE: fails where the disk does. GNU's dd then lets go of what memory holds of it, so that whoever reads it next gets what
# the disk has; other systems have no such dd, and read it from memory again.
to_the_disk() {
  if dd if=/dev/null of="$job/probe" conv=notrunc,fdatasync oflag=nocache count=0 2>/dev/null; then
    # the kernel tells of a write that failed once, so this is the only one to ask
    dd if=/dev/null of="$1" conv=notrunc,fdatasync oflag=nocache count=0 2>/dev/null
  else
    sync "$1" 2>/dev/null || sync
  fi
}

# write_manifest NAME KIND TAKEN_AT: what was proven, in one line
write_manifest() {
  printf '{"manifest":1,"name":"%s","kind":"%s","environment":"%s","taken_at":"%s","bytes":%s,"sha256":"%s","migration":%s,' \
    "$(json "$1")" "$2" "$environment" "$3" "$dump_bytes" "$dump_sum" "$migration_json"
  printf '"database":"%s","system":"%s","server_version":%s,"job":"%s","tool_version":"%s","verified":true,"restored_at":null,"written":%s,"counter":"%s","tables":{' \
    "$(json "$database")" "$system" "$server_version" "$job_id" "$tool_version" "${written% *}" "${written#* }"
  awk -F '\t' '$1 == "table" {
    name = $2; gsub(/\\/, "\\\\&", name); gsub(/"/, "\\\"", name)
    printf "%s\"%s\":%s", (n++ ? "," : ""), name, $3
  }' "$job/dump"
  printf '}}\n'
}

# publish_backup NAME KIND: a hard link never overwrites
publish_backup() {
  # named by a look before the lock was ours: whoever had it since may have taken the name
  if [ -e "$backups/$1" ]; then return 1; fi
  write_manifest "$1" "$2" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$backup_part.json" || return 1
  to_the_disk "$backup_part.json" || return 1
  mv "$backup_part.json" "$backups/$1.json" && ln "$backup_part" "$backups/$1" && rm -f "$backup_part" || return 1
  sync "$backups" 2>/dev/null || true
  if [ "$2" != pre_rollback ]; then
    latest="backup_${environment}_latest.${1#*.}"
    ln -s "$1" "$backups/.$latest.part" && mv -f "$backups/.$latest.part" "$backups/$latest"
  fi
}

# prune NAME...: what the plan let go; each is a name of ours
prune() {
  for name in "$@"; do rm -f "$backups/$name" "$backups/$name.json"; done
  emit "{\"event\":\"pruned\",\"count\":$#}"
}
