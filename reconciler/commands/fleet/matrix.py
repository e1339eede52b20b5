"""`fleet matrix`: the shards of a run, as the matrix of a workflow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.core.text import to_ascii_json
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.model import MAX_SHARDS, is_tenant_name
from reconciler.fleet.shards import Part, assign_shards
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class MatrixOptions:
    """`fleet`: the root of the fleet. `shards`: how many at most."""

    fleet: Path
    shards: int = 32


def run_matrix(options: MatrixOptions, terminal: Terminal) -> ExitCode:
    """Write `{"include": [{"shard": "1/32", "users": 12345}, …]}` to stdout."""
    if options.shards > MAX_SHARDS:
        raise UsageError(
            f"--shards {options.shards:,} is more than {MAX_SHARDS}, the most jobs of one matrix that GitHub starts",
            "Use fewer shards: each of them works on several tenants at once.",
        )
    weights = dict.fromkeys(_list_tenants(options.fleet), 0)
    count = min(options.shards, len(weights))
    users = dict.fromkeys(range(1, count + 1), 0)
    for name, shard in assign_shards(weights, count).items():
        users[shard] += weights[name]
    include = [{"shard": str(Part(number, count)), "users": users[number]} for number in users]
    terminal.result(to_ascii_json({"include": include}, separators=(",", ":")))
    return ExitCode.OK


def _list_tenants(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "tenants").glob("*") if is_tenant_name(path.name))
