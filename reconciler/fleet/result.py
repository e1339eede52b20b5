"""What a run did for one tenant: result.json, written by the process of the tenant, read by gates and summaries.

The file can come from an artifact of another job: it is bounded, read strictly, and an invalid one counts as missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from reconciler.core.tenant_names import is_tenant_name
from reconciler.core.text import to_ascii_json
from reconciler.errors import PlanFileError
from reconciler.fleet.exit_codes import GOOD

FORMAT_VERSION = 1
MAX_BYTES = 4096
VERBS = ("plan", "apply", "drift")
COUNTS = (
    "create",
    "update",
    "adopt",
    "relink",
    "reactivate",
    "deactivate",
    "delete",
    "unchanged",
    "unmanaged",
    "failed",
    "not_applied",
    "removals_not_applied",
    "may_wait",
)
"""Of drift, `not_applied`: changes that only wait for an apply; `removals_not_applied`: those that remove a user;
`may_wait`: of the others, those that the record cannot attribute, or of which only a part undoes an edit.
"""
_HEX = re.compile(r"[0-9a-f]{7,64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RUN = re.compile(r"[\w.:/-]{1,100}", re.ASCII)
_TOKEN_CHECK = re.compile(r"[0-9a-f]{12}")
_MAX_COUNT = 100_000_000
_MAX_SECONDS = 10_000_000.0
_MAX_ERROR = 300
_MAX_MOMENT = 100_000_000_000


@dataclass(frozen=True, slots=True)
class TenantResult:
    """What one verb did for one tenant. It holds no token and no name of a user.

    `commit` and `run` tie it to one run: results of another one never count. `plan_id`: of the plan that was made;
    `receipt`: digest of the receipt of an apply. `exit_code`: of the verb. `error`: one line, if it failed.
    `sandbox`: the target was the embedded sandbox, so that nothing is known of the tenant's own. `held`:
    an apply sent nothing, or would send nothing, because provisioning is switched off: no failure.
    `token_check`: the same for two tenants of a commit only if they used one token at one address; never shown.
    `began`: when the command began, in seconds since 1970 (UTC): of two results of one attempt the later one counts.
    """

    tenant: str
    verb: str
    commit: str
    run: str
    exit_code: int
    plan_id: str | None = None
    receipt: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    sandbox: bool = False
    held: bool = False
    token_check: str | None = None
    began: int = 0


_FIELDS = frozenset(each.name for each in fields(TenantResult))


def to_json(result: TenantResult) -> str:
    """Return the document: JSON on one line with a final newline; same result, same bytes."""
    return to_ascii_json({"format_version": FORMAT_VERSION, **asdict(result)}) + "\n"


def from_json(content: bytes) -> TenantResult:
    """Read the document. Raises `PlanFileError` for anything that `to_json` does not write."""
    if len(content) > MAX_BYTES:
        raise PlanFileError("a result is too large", f"The limit is {MAX_BYTES:,} bytes.")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise PlanFileError("a result is not JSON", "Run the tenant again.") from exc
    if not isinstance(found, dict) or found.pop("format_version", None) != FORMAT_VERSION:
        raise PlanFileError("a result is of another version", "Use the same version of reconciler in all jobs.")
    if found.keys() != _FIELDS:
        raise PlanFileError("a result has other fields", "Run the tenant again.")
    result = TenantResult(**found)
    if not _is_valid(result):
        raise PlanFileError("a result has an invalid field", "Run the tenant again.")
    return result


def _is_valid(result: TenantResult) -> bool:
    return (
        _is_text(result.tenant)
        and is_tenant_name(result.tenant)
        and result.verb in VERBS
        and _matches(_HEX, result.commit)
        and _matches(_RUN, result.run)
        and _is_count(result.exit_code, 255)
        and all(each is None or _matches(_DIGEST, each) for each in (result.plan_id, result.receipt))
        and are_counts(result.counts)
        and _is_duration(result.seconds)
        and _is_text(result.error)
        and len(result.error) <= _MAX_ERROR
        and isinstance(result.sandbox, bool)
        and isinstance(result.held, bool)
        and _is_count(result.began, _MAX_MOMENT)
        and (not result.held or (result.verb != "drift" and result.exit_code in GOOD))
        and (result.token_check is None or _matches(_TOKEN_CHECK, result.token_check))
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_count(value: Any, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit


def are_counts(value: Any) -> bool:
    """Whether a value from a file is counts of users."""
    return isinstance(value, dict) and all(
        key in COUNTS and _is_count(count, _MAX_COUNT) for key, count in value.items()
    )


def _is_duration(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_SECONDS  # no NaN
