# shellcheck shell=sh disable=SC2154,SC2034,SC2015
# (variables come from what is rendered in front, or go to the next file; `a && b || fail` is meant as it reads)
# backup-db.sh and restore-db.sh, and the library that they stand on, one for each environment that shares this directory. Without our mark in its second line a script is the team's own.

is_ours() { [ -f "$1" ] && [ ! -L "$1" ] && sed -n 2p "$1" | grep -q '^# written by backtester-deploy'; }

observe_scripts() {
  for script in backup-db.sh restore-db.sh; do
    if is_ours "$remote_dir/$script"; then
      if [ -x "$remote_dir/$script" ]; then printf 'script %s %s\n' "$script" "$(sum_of "$remote_dir/$script")"; fi
    elif [ -e "$remote_dir/$script" ] || [ -L "$remote_dir/$script" ]; then
      printf 'script %s foreign\n' "$script"
    fi
  done
  library="$base/lib/$environment"
  if (cd "$library" && sha256sum -c SHA256SUMS) >/dev/null 2>&1; then printf 'script lib %s\n' "$(sum_of "$library/SHA256SUMS")"; fi
}

sum_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

# install_scripts: a deploy doesn't fail for their sake
install_scripts() {
  if ! put_scripts; then emit '{"event":"warning","text":"backup-db.sh and restore-db.sh could not be installed"}'; fi
}

put_scripts() {
  library="$base/lib/$environment"
  previous="$base/lib/.$environment.previous"
  mkdir -p "$base/lib" && rm -rf "$previous" || return 1
  if [ -d "$library" ]; then mv "$library" "$previous" || return 1; fi
  if ! mv "$job/lib" "$library"; then
    mv "$previous" "$library"
    return 1
  fi
  for script in backup-db.sh restore-db.sh; do
    if is_ours "$remote_dir/$script" || { [ ! -e "$remote_dir/$script" ] && [ ! -L "$remote_dir/$script" ]; }; then
      chmod 755 "$job/$script" && mv -f "$job/$script" "$remote_dir/$script" || return 1
    fi
  done
}
