"""The files of a record: `plans/<date>-<short plan id>/` holds a plan, its receipt and a page made of both. Pure."""

from __future__ import annotations

RECEIPT = "receipt.jsonl"
PLAN = "plan.json"
PAGE = "README.md"
REFUSAL = "refusal.json"
"""The only file that is not in the directory of a plan."""


def shorten_plan_id(plan_id: str) -> str:
    """Return the first twelve digits of a plan id."""
    return plan_id.removeprefix("sha256:")[:12]
