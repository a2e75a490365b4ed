# shellcheck shell=sh
# Signal every process whose environment has a marker, and print its id.
# Arguments: the marker, the number of the signal.
grep -lsF -- "$1" /proc/[0-9]*/environ 2>/dev/null | while IFS= read -r file; do
  pid=${file#/proc/}
  pid=${pid%/environ}
  if kill -"$2" "$pid" 2>/dev/null; then printf '%s\n' "$pid"; fi
done
