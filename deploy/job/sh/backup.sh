# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Take a backup that counts: written under a name that no glob of ours matches, read back once, and only then published.

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
    *.sql.zst) set -- -Zzstd:3 ;;
    *.dump) set -- -Z1 -Fc ;;
    *) set -- -Z1 ;;
  esac
  # -Z: pg_dump compresses by itself, so there is no pipe that could hide its exit status
  begin_progress "$backup_part" "$(size_of_latest "${backup#*.}")"
  pg "$database" pg_dump "$@" --lock-wait-timeout=60000 </dev/null >"$backup_part" 7>&-
  dumped=$?
  end_progress
  if [ "$dumped" -ne 0 ]; then
    fail_for_space
    fail backup_failed "pg_dump ended with status $dumped"
  fi
  inspect_dump "$backup_part" || fail backup_unverified "$inspected"
  if [ "$dump_tables" -lt "$tables" ]; then
    recount_tables
    if [ "$dump_tables" -lt "$tables" ]; then
      fail backup_unverified "the dump has $dump_tables tables, the database $tables"
    fi
  fi
  written_backup=$backup_part
}

drop_partial_backup() { rm -f "$backup_part" "$backup_part.json"; }

fail_for_space() {
  free_kb=$(df -Pk "$remote_dir" | awk 'NR == 2 {print $4}')
  if [ "${free_kb:-0}" -lt 1024 ]; then fail no_space "$free_kb KB are free in $remote_dir"; fi
}

recount_tables() {
  # a table dropped by the application while the dump began is no fault
  tables=$(query "$database" -v ledger_schema="$ledger_schema" -v lock_key="$lock_key" -v apply_key="$apply_key" \
    <"$job/sql/hold.sql" 7>&- | awk '$1 == "lock" {print $4}')
}

# inspect_dump FILE: one pass of decompression gives the end and the rows per table, another read the sha256
inspect_dump() {
  inspected="the file is damaged"
  sha256sum "$1" >"$job/sum" &
  open_backup "$1"
  : >"$job/damage"
  { read_backup "$1" 7>&- || echo damaged >>"$job/damage"; } | awk -f "$job/sh/inspect.awk" >"$job/dump"
  wait $! || return 1
  if [ -s "$job/damage" ]; then return 1; fi
  read -r dump_sum _ <"$job/sum"
  dump_bytes=$(wc -c <"$1" | tr -d ' ')
  dump_tables=$(awk -F '\t' '$1 == "table"' "$job/dump" | wc -l | tr -d ' ')
  dump_rows=$(awk -F '\t' '$1 == "table" {n += $3} END {print n + 0}' "$job/dump")
  if ! grep -q '^complete' "$job/dump"; then
    inspected="the dump has no end: it was cut off"
    return 1
  fi
}

# write_manifest NAME KIND TAKEN_AT: what was proven, in one line
write_manifest() {
  printf '{"manifest":1,"name":"%s","kind":"%s","environment":"%s","taken_at":"%s","bytes":%s,"sha256":"%s","migration":%s,' \
    "$(json "$1")" "$2" "$environment" "$3" "$dump_bytes" "$dump_sum" "$migration_json"
  printf '"database":"%s","system":"%s","server_version":%s,"job":"%s","tool_version":"%s","verified":true,"restored_at":null,"written":%s,"counter":"%s","tables":{' \
    "$(json "$database")" "$system" "$server_version" "$job_id" "$tool_version" "${written% *}" "${written#* }"
  awk -F '\t' '$1 == "table" {
    name = $2; gsub(/\\/, "\\\\", name); gsub(/"/, "\\\"", name)
    printf "%s\"%s\":%s", (n++ ? "," : ""), name, $3
  }' "$job/dump"
  printf '}}\n'
}

# publish_backup NAME KIND: a hard link never overwrites
publish_backup() {
  write_manifest "$1" "$2" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$backup_part.json" || return 1
  sync "$backup_part" "$backup_part.json" 2>/dev/null || sync
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
