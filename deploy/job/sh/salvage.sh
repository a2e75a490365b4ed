# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Find the rows that a replaced database has and the live one lacks, by primary key; nothing but temporary tables is written to.

# open_replaced NAME: let us in, and fence it again however the job ends
open_replaced() {
  side=$1
  maintenance=$(maintenance_database) || fail database "no other database than $database to connect to"
  do_at_end fence_side
  query "$maintenance" -v live="$side" <"$job/sql/unfence.sql" >/dev/null 7>&- || fail database "$side can't be opened"
}

# plan_salvage TABLE FORM: write the SQL for each table into files; a table of "" means all
plan_salvage() {
  salvage="$job/salvage"
  mkdir "$salvage" || fail directory "can't make $salvage"
  { cat "$job/sql/salvage_session.sql" "$job/sql/salvage_tables.sql" |
    query "$side" -v wanted="$1" -v ledger_schema="$ledger_schema" 7>&- || echo failed >"$salvage/failed"; } |
    { cat "$job/sql/salvage_session.sql" "$job/sql/salvage_load.sql" - && printf '\\.\n' && cat "$job/sql/salvage_plan.sql"; } |
    query "$database" -v mark="$mark" -v form="$2" >"$salvage/plan" 7>&- || fail database "the tables can't be listed"
  if [ -e "$salvage/failed" ]; then fail database "the tables of $side can't be listed"; fi
  (cd "$salvage" && awk -v mark="@$mark" '$1 == mark {close(file); file = $2; next} {print >file}' plan)
}

# save_tables: a line of JSON a table into the report, and its rows into a file of their own
save_tables() {
  : >"$salvage/report"
  number=1
  while [ -f "$salvage/$number.json" ]; do
    refuse_if_cancelled
    save_table "$salvage/$number" >>"$salvage/report"
    number=$((number + 1))
  done
}

# save_table STEM
save_table() {
  known=$(cat "$1.json")
  if [ ! -f "$1.read" ]; then
    printf '{"rows":null,"failed":"",%s\n' "${known#?}"
  elif find_lost "$1" 2>"$1.errors" && write_lost "$1" 2>>"$1.errors"; then
    printf '{"rows":%d,"failed":"","bytes":%d,"sha256":"%s",%s\n' \
      "$(wc -l <"$1.lost")" "$(wc -c <"$1.rows")" "$(sha256sum <"$1.rows" | cut -d ' ' -f 1)" "${known#?}"
  else
    cat "$1.errors" >&2
    printf '{"rows":null,"failed":"%s",%s\n' "$(json "$(grep -m 1 -E 'ERROR|FATAL|error' "$1.errors" | sed 's/^psql:[^ ]* //')")" "${known#?}"
  fi
  rm -f "$1.lost"
}

# find_lost STEM: the replaced database's keys go through the live one; what comes out is where the missing rows stand
find_lost() {
  { cat "$job/sql/salvage_session.sql" "$1.read" | query "$side" 7>&- || echo failed >"$1.failed"; } |
    { cat "$job/sql/salvage_session.sql" "$1.load" - && printf '\\.\n' && cat "$1.compare"; } |
    query "$database" >"$1.lost" 7>&- && [ ! -e "$1.failed" ]
}

# write_lost STEM
write_lost() {
  : >"$1.rows"
  if [ ! -s "$1.lost" ]; then return 0; fi
  { cat "$job/sql/salvage_session.sql" "$job/sql/salvage_lost.sql" "$1.lost" && printf '\\.\n' && cat "$1.write"; } |
    query "$side" >"$1.rows" 7>&-
}
