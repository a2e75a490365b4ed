#!/bin/sh
# Ends and removes all that one test session started, and nothing else: sweep.sh SESSION FOLDER
# It serves a session that ends in order as well as one that was killed long ago. Runs as root.
set -u

session=$1
folder=$2
remote=/home/deployer/$session

case $session in
deploy-test-*) ;;
*) exit 2 ;;
esac

# The pid may belong to another process by now.
listener=$(cat "$folder/sshd.pid" 2>/dev/null)
if [ -n "$listener" ] && grep -qsF "$folder/" "/proc/$listener/cmdline"; then
    # shellcheck disable=SC2013 # pids have no spaces
    for connection in $(cat "/proc/$listener/task/$listener/children"); do
        kill -9 "$connection" 2>/dev/null
    done
    kill "$listener" 2>/dev/null
fi

# Each process that came in by this sshd carries its mark, also one that has detached itself.
# shellcheck disable=SC2013 # these paths have no spaces
for environment in $(grep -slzxF "DEPLOY_TEST_SESSION=$session" /proc/[0-9]*/environ); do
    pid=${environment#/proc/}
    kill -9 "${pid%/environ}" 2>/dev/null
done

docker ps --all --quiet --filter "label=deploy-test-session=$session" | xargs -r docker rm --force --volumes >/dev/null

iptables -w -S INPUT 2>/dev/null | grep -F -- "--comment $session " | while read -r _ rule; do
    # shellcheck disable=SC2086 # a rule is a list of words
    iptables -w -D $rule
done

awk -v under="$remote/" 'index($2, under) == 1 { print $2 }' /proc/mounts | while read -r mount; do
    umount --lazy "$mount"
done
rm -rf "$remote" "$folder"
