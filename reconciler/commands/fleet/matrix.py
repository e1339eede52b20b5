"""`fleet matrix`: the shards of a run, as the matrix of a workflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.core.text import quote, shorten, to_ascii_json
from reconciler.desired.fleet_schema import MAX_SHARDS
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.result import VERBS
from reconciler.fleet.shards import Part, assign_shards
from reconciler.fleet.weights import weigh_tenants
from reconciler.session.fleet.before_apply import check_before_apply, must_prove
from reconciler.session.fleet.selected import FleetSelection, Selected, load_selected
from reconciler.session.github_step import write_outputs
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class MatrixOptions:
    """`shards`: how many at most; None: as fleet.yaml says. `verb`: what is going to be done."""

    selection: FleetSelection
    verb: str = "plan"
    shards: int | None = None


def run_matrix(options: MatrixOptions, terminal: Terminal) -> ExitCode:
    """Write `{"include": [{"shard": "1/32", "users": 12345}, …]}` to stdout, and to the outputs of a step.

    The outputs are `matrix`; `any`, because an empty matrix is an error in GitHub Actions; and of an apply `prove`:
    whether its gate needs a drift without differences.
    """
    check_verb(options.verb)
    _check_count(options.shards, "--shards")
    selected = load_selected(options.selection, terminal)
    found: dict[str, bool] = {}
    if options.verb == "apply":
        check_before_apply(selected, options.selection)
        found["prove"] = must_prove(selected, options.selection)
    text = to_ascii_json(_build_matrix(selected, options.shards), separators=(",", ":"))
    terminal.result(text)
    write_outputs({"matrix": text, "any": bool(selected.tenants), **found})
    return ExitCode.OK


def check_verb(verb: str) -> None:
    """Raise `UsageError` unless `verb` is one of those whose results are kept."""
    if verb not in VERBS:
        raise UsageError(f"--verb {quote(shorten(verb, 40))} is not one of {', '.join(VERBS)}", "Choose one of them.")


def _check_count(shards: int | None, what: str) -> None:
    if shards is not None and shards > MAX_SHARDS:
        raise UsageError(
            f"{what} {shards:,} is more than {MAX_SHARDS}, the most jobs of one matrix that GitHub starts",
            "Use fewer shards: each of them works on several tenants at once.",
        )


def _build_matrix(selected: Selected, shards: int | None) -> dict[str, list[dict[str, Any]]]:
    wanted = shards if shards is not None else selected.fleet.caps.shards
    _check_count(wanted, "caps.shards")
    weights = weigh_tenants(selected.fleet.root, selected.tenants)
    count = min(wanted, len(weights))
    users = dict.fromkeys(range(1, count + 1), 0)
    for name, shard in assign_shards(weights, count).items():
        users[shard] += weights[name]
    return {"include": [{"shard": str(Part(number, count)), "users": users[number]} for number in users]}
