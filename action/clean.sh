#!/bin/sh
# Take away what a step that was killed has left of its key; it does so itself in any other case.
set -eu
rm -rf "${RUNNER_TEMP:?is set by the runner}"/backtester-deploy-key-*
