#!/bin/sh
# A peer through an SSH tunnel, which opens before it and closes after it.
# Arguments: the ssh configuration, a port here, address:port there, and the peer's command.
set -eu
config=$1 port=$2 there=$3
shift 3
control=$(mktemp -u /tmp/bench-tunnel.XXXXXX)
trap 'ssh -F "$config" -S "$control" -O exit prod 2>/dev/null' EXIT
ssh -F "$config" -M -S "$control" -o ExitOnForwardFailure=yes -fNL "127.0.0.1:$port:$there" prod
"$@"
