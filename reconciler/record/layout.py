"""The names of the files that a run leaves. Pure.

A record: `plans/<date>-<short plan id>/` holds a plan, its receipt and a page made of both. A run for many tenants:
its directory holds a folder for each of them, with plan, result and output.
"""

from __future__ import annotations

import re

from reconciler.core.tenant_names import TENANT_NAME

RECEIPT = "receipt.jsonl"
PLAN = "plan.json"
PAGE = "README.md"
RESULT, OUTPUT = "result.json", "output.txt"
FLEET_PLAN = "fleet-plan.json"
"""In the directory of a run for many tenants: it names the plan of each of them."""
REFUSAL = "refusal.json"
"""Not in the directory of a plan; a named tenant has one of its own."""
_TENANT = rf"(-{TENANT_NAME})?"
_REFUSAL = re.compile(rf"refusal{_TENANT}\.json")
NOTIFIED = "notified.json"
"""The same for what was last notified (`record.notified`)."""
_NOTIFIED = re.compile(rf"notified{_TENANT}\.json")

_RECORD = re.compile(r"\d{4}-\d\d-\d\d-[0-9a-f]{12}")


def is_record(name: str) -> bool:
    """Return whether a directory, by its name below the directory of the record, is the record of a plan."""
    return _RECORD.fullmatch(name) is not None


def name_refusal(tenant: str | None) -> str:
    """Return the name of the file with the last refusal of a tenant."""
    return REFUSAL if tenant is None else f"refusal-{tenant}.json"


def is_refusal(name: str) -> bool:
    """Return whether a file, by its name below the directory of the record, is about a refusal."""
    return _REFUSAL.fullmatch(name) is not None


def name_notified(tenant: str | None) -> str:
    """Return the name of the file with what was last notified about a tenant."""
    return NOTIFIED if tenant is None else f"notified-{tenant}.json"


def is_notified(name: str) -> bool:
    """Return whether a file, by its name below the directory of the record, is about notifications."""
    return _NOTIFIED.fullmatch(name) is not None


def shorten_plan_id(plan_id: str) -> str:
    """Return the first twelve digits of a plan id."""
    return plan_id.removeprefix("sha256:")[:12]
