#!/bin/sh
# Run the step; exec, so that the runner's signals reach Python rather than a shell. -I: nothing of the checkout is imported.
exec "${RUNNER_TEMP:?is set by the runner}/backtester-deploy/bin/python" -I -m deploy.action
