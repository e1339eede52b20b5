"""docs/reference/exit-codes.md: what each exit code means."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.errors import ExitCode
from support.reference.markdown import code, page, table

MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.OK: "success, or nothing to do; warnings do not change it",
    ExitCode.ERROR: "error: the desired state is invalid, git or the record cannot be read (`log` outside of git),"
    " another apply is running, or the service refused the run, whose receipt has what was done; `check`: a question"
    " failed; `status`: unhealthy, or unknown without a record",
    ExitCode.CHANGES: "there are changes (`plan --detailed-exitcode`, `drift --detailed-exitcode`), or files would"
    " change (`fmt --check`, `import … --check`)",
    ExitCode.BLOCKED: "blocked by a guard, or by a closed gate of a fleet",
    ExitCode.STALE: "the plan is stale: planning now gives a different result",
    ExitCode.PARTIAL: "some users could not be planned or applied, the rest were; or so many failed that the apply"
    " stopped itself",
    ExitCode.USAGE: "usage error: no command (the help is shown), an invalid option or combination, a user that does"
    " not exist (`--user`, `explain`), `apply` without a terminal, a saved plan and `--auto-approve`, `init` over"
    " existing files",
    ExitCode.INTERRUPTED: "interrupted; the same command finishes the rest",
}
INTRODUCTION = """\
Every command ends with one of these. They are an interface: scripts and workflows may rely on them. This page is
generated: `make reference`."""
NAMES = """\
Commands of workflows, imports and fleets use the same codes; what a code means for one of them beyond this table is in
its section of [commands](commands.md)."""


def render_exit_codes() -> str:
    """Return the page."""
    rows = [(code(str(int(each))), each.name, MEANINGS[each]) for each in ExitCode]
    return page("# Exit codes", INTRODUCTION, table(("code", "name", "meaning"), rows), NAMES)
