"""What an export wrote, and what the mappings cannot give back. Pure data, every text untrusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.model import AttributeMapping, AttributePath, Value
from reconciler.sources.live.inverse import LostValue

_EXAMPLES = 3


class LossKind(StrEnum):
    """How a live value and the one that the exported user is mapped to differ."""

    KEPT = "no source value gives this, the target keeps it"
    CLEARED = "no source value gives this, the mapping clears it"
    REPLACED = "the mapping gives another value"
    ADDED = "there is no value, the mapping gives one"
    REFUSED = "the mapping is in error"


@dataclass(frozen=True, slots=True)
class LossExample:
    """One account's values. None: unassigned. `error`: why the mapping gives none."""

    key: str
    live: Value | None
    mapped: Value | None
    error: str = ""


@dataclass(slots=True)
class Loss:
    """The values of one attribute that are lost in the same way. `inactive`: how many no plan compares."""

    row: AttributeMapping
    kind: LossKind
    count: int = 0
    inactive: int = 0
    examples: list[LossExample] = field(default_factory=list)


@dataclass(slots=True)
class Losses:
    """What the mappings cannot give back, by attribute; of the accounts only a few examples are kept."""

    _found: dict[tuple[AttributePath, LossKind], Loss] = field(default_factory=dict)

    def add(self, key: str, lost: Iterable[LostValue], *, active: bool = True) -> None:
        """Add the values of one account; `key`: its name."""
        for each in lost:
            kind = _classify(each)
            loss = self._found.setdefault((each.row.target, kind), Loss(each.row, kind))
            loss.count += 1
            loss.inactive += not active
            if len(loss.examples) < _EXAMPLES:
                loss.examples.append(LossExample(key, each.live, each.mapped, each.error))

    @property
    def by_attribute(self) -> list[Loss]:
        """The losses in the order of their paths."""
        return [self._found[key] for key in sorted(self._found)]


def _classify(lost: LostValue) -> LossKind:
    if lost.error:
        return LossKind.REFUSED
    if lost.mapped is None:
        return LossKind.CLEARED if lost.row.clear else LossKind.KEPT
    return LossKind.ADDED if lost.live is None else LossKind.REPLACED


@dataclass(frozen=True, slots=True)
class OmittedAccount:
    """A managed account that has no entry, because the desired state could not be read with it."""

    user_name: str
    live_id: str
    why: str


@dataclass(slots=True)
class ExportReport:
    """What was written. `unmanaged`: accounts that the ownership filter excludes; `listed`: whether as comments."""

    active: int = 0
    inactive: int = 0
    unmanaged: int = 0
    listed: bool = False
    files: list[str] = field(default_factory=list)
    losses: Losses = field(default_factory=Losses)
    omitted: list[OmittedAccount] = field(default_factory=list)
