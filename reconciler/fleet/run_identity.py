"""Which run a result belongs to: results of another run never open a gate. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

LOCAL = "local"
"""Outside of a CI system: then the commit alone ties a result to a run."""
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)


def identify_run(environment: Mapping[str, str]) -> str:
    """Return the run of a CI system, the same in all of its jobs: in GitHub Actions with the attempt, `123/1`."""
    run, attempt = environment.get("GITHUB_RUN_ID", ""), environment.get("GITHUB_RUN_ATTEMPT", "")
    if _NUMBER.fullmatch(run):
        return f"{run}/{attempt}" if _NUMBER.fullmatch(attempt) else run
    pipeline = environment.get("CI_PIPELINE_ID", "")
    return pipeline if _NUMBER.fullmatch(pipeline) else LOCAL


def is_same_run(found: str, own: str) -> bool:
    """Whether a result is of one's own run. Earlier attempts are: GitHub runs only the failed jobs of a run again.

    Later attempts are not: there are none yet, and one would win over the true result.
    """
    run, _, attempt = found.partition("/")
    own_run, _, own_attempt = own.partition("/")
    if run != own_run or not attempt or not own_attempt:
        return run == own_run
    return _NUMBER.fullmatch(attempt) is not None and int(attempt) <= int(own_attempt)
