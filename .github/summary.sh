#!/bin/sh
# Appends a text file to the step summary as indented code. Usage: sh .github/summary.sh FILE
#
# Indented, not fenced: no value in the text can end the block, whatever a user is called. GitHub takes 1 MiB for a step;
# a longer text is cut at a line, its beginning (removals come first) is kept.
set -eu
[ -n "${GITHUB_STEP_SUMMARY:-}" ] || exit 0

touch "$GITHUB_STEP_SUMMARY"
room=$((1000000 - $(wc -c <"$GITHUB_STEP_SUMMARY")))
indented=$(mktemp)
trap 'rm -f "$indented"' EXIT
sed 's/^/    /' "$1" >"$indented"
if [ "$(wc -c <"$indented")" -le "$room" ]; then
  { cat "$indented"; printf '\n'; } >>"$GITHUB_STEP_SUMMARY"
elif [ "$room" -gt 0 ]; then
  { head -c "$room" "$indented" | sed '$d'; printf '\nThe rest is in the log of this job.\n'; } >>"$GITHUB_STEP_SUMMARY"
fi
