# shellcheck shell=sh disable=SC2154
# (variables come from what is rendered in front)
# Whose a backup is, as plan/backup.py has it.

# is_of_this MANIFEST: does it say that the backup beside it is of this very database, environment and system?
is_of_this() {
  if [ -z "$system" ]; then return 1; fi
  is_of_this_name=$(printf '%s' "$database" | sed 's/[\\"]/\\&/g')
  grep -qsF "\"environment\":\"$environment\"," "$1" && grep -qsF "\"database\":\"$is_of_this_name\",\"system\":\"$system\"," "$1"
}
