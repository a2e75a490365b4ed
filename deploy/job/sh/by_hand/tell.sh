# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# A job's log, on stdin, as words on the terminal; its exit status is the one that the tool would have.

say() { printf '%s\n' "$*"; }

tell() {
  told=
  reason=
  detail=
  heard=
  while IFS= read -r line; do
    heard=yes
    case $line in
      *"@$mark {"*)
        event=${line#*"@$mark "}
        tell_event
        ;;
      *) say "   $(printf '%s' "$line" | tr '\t' ' ' | tr -d '\000-\037\177')" ;;
    esac
  done
  if [ -z "$heard" ]; then stop 58 "the job could not be started in $base/jobs" "Look at its owner, and whether the disk is full."; fi
  if [ -z "$told" ]; then
    stop 55 "the job was killed" "Its log is $job/log; run this again, or mend what it left with \`fab -H … repair\`."
  fi
  return "$told"
}

# text NAME: of the event
text() { printf '%s\n' "$event" | sed -nE "s/.*\"$1\":\"(([^\"\\\\]|\\\\.)*)\".*/\1/p" | sed 's/\\\(.\)/\1/g'; }

# number NAME: of the event
number() { printf '%s\n' "$event" | sed -nE "s/.*\"$1\":([0-9]+).*/\1/p"; }

tell_event() {
  case $event in
    '{"event":"begun"'*) say "▶ job $job_id" ;;
    '{"event":"step","name":"check the backup"'*) say "🔎 Reading the backup..." ;;
    '{"event":"step","name":"restore"'*) say "📦 Restoring into a side database..." ;;
    '{"event":"step","name":"compare"'*) say "🔎 Comparing rows per table..." ;;
    '{"event":"step","name":"swap"'*) say "🔁 Swapping the databases..." ;;
    '{"event":"backing_up"'*)
      if [ "$command" = rollback ]; then say "🔒 Creating safety backup..."; else say "🔒 Creating a backup..."; fi ;;
    '{"event":"backed_up"'*)
      say "  ✅ backups/$(text backup): $(($(number bytes) / 1000)) kB, $(number tables) tables, $(number rows) rows, verified" ;;
    '{"event":"changes"'*) tell_changes ;;
    '{"event":"confirm"'*) ask ;;
    '{"event":"pruned"'*) say "🧹 $(number count) old backups removed" ;;
    '{"event":"warning"'*) say "⚠️  $(text text)" ;;
    '{"event":"failed"'*)
      reason=$(text reason)
      detail=$(text detail)
      ;;
    '{"event":"ended"'*) tell_end ;;
    '{"event":"lock_held"'*)
      told=53
      who="$(text command) by $(text by) from $(text from) since $(text since), at: $(text step)"
      case $event in *'"holder":null'*) who="it has just begun" ;; esac
      say "❌ another job is at work: $who" >&2
      ;;
    '{"event":"not_started"'*)
      told=54
      say "❌ the job could not be started in $base/jobs ($(text reason)): is the disk full, or was $lib changed by hand?" >&2
      say "   👉 A deploy puts $lib in order again." >&2
      ;;
  esac
}

tell_changes() {
  written=$(number written_since)
  if [ "${written:-0}" -gt 0 ]; then say "   $written inserts, updates and deletes of rows since the backup, which this undoes"; fi
  if ! printf '%s' "$event" | grep -q '"table"'; then say "   no table has another number of rows than now"; fi
  printf '%s\n' "$event" | tr '{' '\n' |
    sed -nE 's/^"table":"(([^"\\]|\\.)*)","now":([0-9a-z]+),"then":([0-9a-z]+).*/\1: \3 rows now, \4 then/p' |
    sed -e 's/null rows/no table/' -e 's/null then/no table then/' -e 's/\\\(.\)/\1/g' -e 's/^/   /' | head -n 200
  tell_pending_again
}

tell_pending_again() {
  again=$(printf '%s\n' "$event" | sed -n 's/.*"pending_again":\[\([^]]*\)\].*/\1/p' | tr -d '"' | sed 's/,/, /g')
  if [ -n "$again" ]; then say "   pending again: $again"; fi
}

# ask: the job waits for a file; anything but yes is a no
ask() {
  printf '❓ Put %s in place of %s? Type yes to go on: ' "${file##*/}" "$database"
  answer=
  read -r answer <&3
  if [ "$answer" != yes ]; then answer=no; fi
  printf '%s\n' "$answer" >"$job/answer.part" && mv "$job/answer.part" "$job/answer"
}

tell_end() {
  case $event in
    *'"outcome":"done"'*)
      told=0
      if [ "$command" = backup ]; then return; fi
      say "✅ rolled back to ${file##*/}; no connections for $(number outage_ms) ms"
      say "   safety backup $taken; the replaced database is kept as $(text replaced_database)"
      tell_pending_again
      ;;
    *'"outcome":"cancelled"'*)
      told=57
      say "❌ the job was stopped; the live database is as it was" >&2
      ;;
    *)
      known=$(awk -F '\t' -v reason="${reason:-step_failed}" '$1 == reason {print $2 "\t" $3}' "$lib/reasons")
      told=${known%%"$(printf '\t')"*}
      words=${known#*"$(printf '\t')"}
      case $words in *'{detail}'*) words="${words%%'{detail}'*}$detail${words#*'{detail}'}" ;; esac
      say "❌ ${words:-the job failed: $reason $detail}" >&2
      told=${told:-55}
      ;;
  esac
}
