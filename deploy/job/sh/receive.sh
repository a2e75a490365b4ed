# shellcheck shell=sh disable=SC2015
# (`a && b || end_with` is meant as it reads)
# Take a file into backups/: under the lock, to a partial name, believed when its sum is right, and never over another file.
# Arguments: the remote directory, a name, the sha256, and what to tell about us to those who find the lock held. Input: the file.
# Output: the size so far, again and again, and at last a word: stored, present, other, held, damaged, no_space or directory.
set -u
umask 077
remote_dir=$1 name=$2 sum=$3 holder=$4
base="$remote_dir/.deploy"
backups="$remote_dir/backups"
part="$backups/.$name.part"
trap '' PIPE
trap 'exit 1' HUP INT TERM

end_with() {
  printf '%s\n' "$1"
  exit 0
}

# sum_of FILE: into $found; a large file takes its time, and silence would count as a lost connection
sum_of() {
  sha256sum "$1" >"$backups/.$name.sum.part" &
  while kill -0 $! 2>/dev/null; do
    sleep 0.2
    printf '0\n'
  done
  read -r found _ <"$backups/.$name.sum.part" || found=
}

mkdir -p "$base" "$backups" && chmod 700 "$base" "$backups" || end_with directory
exec 9>>"$base/lock"
tries=0
until flock -n 9; do
  tries=$((tries + 1))
  if [ "$tries" -ge 5 ]; then end_with held; fi
  sleep 0.1
done
trap 'rm -f "$part" "$backups/.$name.sum.part" "$base/holder" "$base/step"' EXIT
printf '%s\n' "$holder" >"$base/holder"
printf 'upload\n' >"$base/step"

if [ -e "$backups/$name" ]; then
  sum_of "$backups/$name"
  if [ "$found" = "$sum" ]; then end_with present; fi
  end_with other
fi

# A client that has vanished without a word must not hold the lock: what doesn't grow for a minute is given up.
exec 3<&0
cat <&3 >"$part" &
size=0
quiet=0
while kill -0 $! 2>/dev/null; do
  sleep 0.2
  before=$size
  size=$(wc -c <"$part")
  printf '%d\n' "$size"
  if [ "$size" -gt "$before" ]; then quiet=0; else quiet=$((quiet + 1)); fi
  if [ "$quiet" -ge 300 ]; then kill $!; fi
done
if ! wait $!; then
  if [ "$(df -Pk "$backups" | awk 'NR == 2 {print $4}')" -lt 1024 ]; then end_with no_space; fi
  end_with damaged
fi
sum_of "$part"
if [ "$found" != "$sum" ]; then end_with damaged; fi
sync "$part" 2>/dev/null || sync
# a manifest that has lost its backup would speak for this one
rm -f "$backups/$name.json"
ln "$part" "$backups/$name" || end_with other
end_with stored
