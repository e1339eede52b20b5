#!/bin/sh
# Appends a text file to the step summary as indented code. Usage: sh .github/summary.sh FILE
#
# Indented, not fenced: no value in the text can end the block, whatever a user is called. GitHub takes 1 MiB; a longer
# text is cut at a line, its beginning (removals come first) is kept.
set -eu
[ -n "${GITHUB_STEP_SUMMARY:-}" ] || exit 0
{
  head -c 900000 "$1" | sed 's/^/    /'
  if [ "$(wc -c <"$1")" -gt 900000 ]; then
    printf '\nThe rest is in the log of this job.\n'
  fi
  printf '\n'
} >>"$GITHUB_STEP_SUMMARY"
