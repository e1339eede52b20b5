#!/bin/sh
# Plans a desired state and shows the plan in the step summary. Usage: sh .github/plan.sh DIRECTORY
# Ends with the exit code of `reconciler plan`, so that a blocked or partial plan is seen on the pull request.
set -u
state=$1
text=$(mktemp)

"${RECONCILER:-.venv/bin/reconciler}" plan --state "$state" --no-color >"$text"
code=$?
cat "$text"
sh .github/summary.sh "$text"
rm -f "$text"
exit "$code"
