#!/bin/sh
# Plans a desired state, applies exactly that plan, shows both in the step summary. Usage: sh .github/apply.sh DIRECTORY
# Exit codes are those of reconciler: 3 blocked, 5 some users could not be planned or applied (the others were).
set -u
state=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${RECONCILER:-.venv/bin/reconciler}" plan --state "$state" --no-color -o "$folder/plan.json" >"$folder/text"
planned=$?
cat "$folder/text"
sh .github/summary.sh "$folder/text"
# 5: some users have mistakes; the others are applied all the same.
if [ "$planned" -ne 0 ] && [ "$planned" -ne 5 ]; then
  exit "$planned"
fi

"${RECONCILER:-.venv/bin/reconciler}" apply --state "$state" --no-color "$folder/plan.json" >"$folder/text"
applied=$?
cat "$folder/text"
sh .github/summary.sh "$folder/text"
exit "$applied"
