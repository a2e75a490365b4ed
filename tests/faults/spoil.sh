#!/bin/sh
# Stands in for `docker exec … pg_dump`, and spoils the dump without letting pg_dump's exit status tell, but where docker itself is
# killed: spoil.sh REAL_DOCKER STATE HOW ARGUMENTS-OF-HOW -- ARGUMENTS-OF-DOCKER
docker=$1
state=$2
how=$3
one=$4
two=$5
shift 5
case $how in
watched)
  : >"$state/reached"
  "$docker" "$@"
  status=$?
  : >"$state/dumped"
  exit "$status"
  ;;
killed)
  "$docker" "$@" &
  sleep "$one"
  # one that has ended by itself stays behind as a zombie
  case $(ps -o stat= -p $!) in
  Z*) ;;
  *) kill -9 $! && : >"$state/killed" ;;
  esac
  wait $!
  exit $?
  ;;
truncated) "$docker" "$@" | head -c "$one" ;;
flipped)
  "$docker" "$@" >"$state/dump"
  byte=$(od -An -tu1 -j "$one" -N 1 "$state/dump")
  octal=$(printf '%o' $((byte ^ (1 << two))))
  # shellcheck disable=SC2059 # the format is the byte
  printf "\\$octal" | dd of="$state/dump" bs=1 seek="$one" conv=notrunc 2>/dev/null
  cat "$state/dump"
  ;;
elsewhere)
  # exec -i CONTAINER sh -c SCRIPT pg DATABASE ...: the eighth word is the database
  exec_word=$1 flag=$2 container=$3 sh=$4 c=$5 script=$6 zero=$7
  shift 8
  exec "$docker" "$exec_word" "$flag" "$container" "$sh" "$c" "$script" "$zero" "$one" "$@"
  ;;
esac
exit 0
