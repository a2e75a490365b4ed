# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# Say how far a file has come while a program writes it; whoever follows the job sees it move.

# begin_progress FILE [BYTES]: every second or two until end_progress; BYTES is what it will come to, about
begin_progress() {
  watch_size "$1" "${2:-null}" 7>&- 8>&- 9>&- &
  progress_watcher=$!
}

# end_progress: nothing more is said of that file
end_progress() {
  kill "$progress_watcher" 2>/dev/null
  wait "$progress_watcher" 2>/dev/null
  emit '{"event":"progress","bytes":null,"of":null}'
}

# watch_size FILE BYTES: less often as time goes by, so that the log of a dump that takes hours stays small
watch_size() {
  pause=1
  beats=0
  said=
  while sleep "$pause" && kill -0 $$ 2>/dev/null; do
    size=$(bytes_of "$1")
    if [ -n "$size" ] && [ "$size" != "$said" ]; then
      said=$size
      emit "{\"event\":\"progress\",\"bytes\":$size,\"of\":$2}"
    fi
    beats=$((beats + 1))
    if [ "$beats" -eq 60 ]; then pause=2; fi
    if [ "$beats" -eq 600 ]; then pause=5; fi
  done
}

# size_of_latest SUFFIX: of the newest backup written in this form, or nothing; the best guess of what the next one comes to
size_of_latest() { bytes_of "$backups/backup_${environment}_latest.$1"; }

# bytes_of FILE: busybox's wc would read all of it
bytes_of() { stat -L -c %s "$1" 2>/dev/null; }
