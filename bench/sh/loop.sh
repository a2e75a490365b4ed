#!/bin/sh
# The guide's way: copy the files, then one `docker exec … psql` per file.
# Arguments: the ssh configuration, the folder of migrations, the folder there, container, user, database.
set -eu
ssh -F "$1" prod "mkdir -p $3"
scp -q -F "$1" "$2"/*.sql "prod:$3/"
ssh -F "$1" prod "for file in $3/*.sql; do docker exec -i $4 psql -q -U $5 -d $6 <\$file || exit 1; done"
