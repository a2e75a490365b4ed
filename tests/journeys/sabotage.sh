#!/bin/sh
# Stands in for docker on the server, and is killed in the middle of the one call that has the word in `plan` beside it among its
# arguments. What it ran in the container goes on.
here=$(dirname "$0")
read -r word <"$here/plan"
case " $* " in
*" $word "*) ;;
*) exec docker "$@" ;;
esac
if [ -e "$here/hurt" ]; then exec docker "$@"; fi
: >"$here/hurt"
exec 3<&0
docker "$@" <&3 &
sleep 0.4
kill -9 $!
wait $!
exit 137
