# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Say how far something has come while a program works on it; whoever follows the job sees it move.

# begin_progress SECONDS COMMAND...: so often until end_progress, what the command prints: bytes, and what they will come to, about
begin_progress() {
  watch_progress "$@" 6>&- 7>&- 8>&- 9>&- &
  progress_watcher=$!
}

# end_progress: nothing more is said of it
end_progress() {
  kill "$progress_watcher" 2>/dev/null
  wait "$progress_watcher" 2>/dev/null
  emit '{"event":"progress","bytes":null,"of":null}'
}

# watch_progress SECONDS COMMAND...: less often as time goes by, so that the log of what takes hours stays small
watch_progress() {
  pause=$1
  shift
  beats=0
  said=
  while sleep "$pause" && kill -0 $$ 2>/dev/null; do
    found="$("$@" 2>/dev/null) "
    size=${found%% *}
    of=${found#* }
    of=${of% }
    case $size in '' | *[!0-9]*) size=$said ;; esac
    case $of in '' | *[!0-9]*) of=null ;; esac
    if [ "$size" != "$said" ]; then
      said=$size
      emit "{\"event\":\"progress\",\"bytes\":$size,\"of\":$of}"
    fi
    beats=$((beats + 1))
    if [ "$beats" -eq 60 ]; then pause=$((pause * 2)); fi
    if [ "$beats" -eq 600 ]; then pause=$((pause * 2)); fi
  done
}

# size_of_backup FILE SUFFIX: the newest backup that was written in this form is the best guess of what this one comes to
size_of_backup() { printf '%s %s\n' "$(bytes_of "$1")" "$(bytes_of "$backups/backup_${environment}_latest.$2")"; }

# bytes_of FILE: busybox's wc would read all of it
bytes_of() { stat -L -c %s "$1" 2>/dev/null; }

# size_of_side: the live database is what it comes to, or somewhat less
size_of_side() { query "$maintenance" -v side="$side" -v live="$database" <"$job/sql/side_size.sql"; }
