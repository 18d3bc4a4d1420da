#!/bin/sh
# wait-until.sh SECONDS COMMAND...: repeat the command each second until it succeeds; fail when the time is up.
set -eu
deadline=$(($(date +%s) + $1))
shift
until "$@"; do
    [ "$(date +%s)" -lt "$deadline" ] || exit 1
    sleep 1
done
