"""Write live accounts as a complete desired state into an empty directory, a file at a time.

Memory holds one file's text and the names of all users, whatever the number of accounts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.model import AttributeMapping, LiveUser, SourceValue
from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.entra.yaml_writer import format_comment
from reconciler.record.files import write_bytes, write_text
from reconciler.sources.live.entries import comment_out, fits, format_entry
from reconciler.sources.live.export_report import ExportReport, OmittedAccount
from reconciler.sources.live.inverse import NAME, Inverter, LostValue

USERS_PER_FILE = 1_000
SCOPE = "scope.yaml"
USERS = "users/accounts.yaml"
"""The file of users, if there is one only."""
ACCOUNTS = "accounts.jsonl"
"""The snapshot: a JSON line for each account with its ids. No part of the desired state."""
_IDENTIFYING = ("objectId", NAME)
_SCOPE = (
    "Written by `reconciler export`. In scope is every user of users/ that is not disabled (accountEnabled: false): "
    "they have an active account today."
)
_UNMANAGED = (
    "Accounts that the ownership filter of settings.yaml excludes. They are comments: Reconciler leaves these accounts "
    "alone. To take one over, remove the # of its lines and the line [] below, and give it the objectId of its user."
)


@dataclass(frozen=True, slots=True)
class ExportSource:
    """Accounts, and what they were read with. `copied`: files of the desired state that are taken over as they are.

    `editor_lines`: the first line of `SCOPE` and of files of users (`USERS`), by which editors find their schemas.
    """

    accounts: Sequence[LiveUser]
    mappings: Sequence[AttributeMapping]
    target: str
    copied: Mapping[str, bytes]
    editor_lines: Mapping[str, str] = field(default_factory=dict)


def write_state(root: Path, source: ExportSource, *, unmanaged: bool) -> ExportReport:
    """Write settings, mappings, scope, users and the snapshot into `root`. `unmanaged`: others too, as comments.

    Raises `PlanFileError` if a file cannot be written.
    """
    ordered = sorted(source.accounts, key=lambda each: (fold_case(each.user_name), not each.active, each.id))
    others = [each for each in ordered if not each.managed]
    report = ExportReport(unmanaged=len(others), listed=unmanaged and bool(others))
    for name, content in source.copied.items():
        write_bytes(root / name, content)
    lines = source.editor_lines
    write_text(root / SCOPE, lines.get(SCOPE, "") + "\n".join(format_comment(_SCOPE)) + "\nsync: all\n")
    entries = _EntryWriter(Inverter(source.mappings), report)
    head = (
        lines.get(USERS, "") + "\n".join(format_comment(f"Accounts of {source.target}, by `reconciler export`.")) + "\n"
    )
    managed = [each for each in ordered if each.managed]
    for name, accounts in _split(USERS.removesuffix(".yaml"), managed):
        texts = [entries.write(each) for each in accounts]
        report.files.append(name)
        write_text(root / name, head + _complete(texts))
    if report.listed:
        about = head + "\n".join(format_comment(_UNMANAGED)) + "\n[]\n"
        for name, accounts in _split("users/unmanaged", others):
            report.files.append(name)
            write_text(root / name, about + "".join(map(entries.write_comment, accounts)))
    _write_snapshot(root / ACCOUNTS, ordered)
    return report


def _complete(texts: Sequence[str]) -> str:
    """Return the texts of a file; a list that has comments only needs to say that it is empty."""
    text = "".join(texts)
    return text if any(each.startswith("- ") for each in texts) else f"[]\n{text}"


def _split(stem: str, accounts: Sequence[LiveUser]) -> Iterator[tuple[str, Sequence[LiveUser]]]:
    """Yield the name and the accounts of each file; one file, if only with an empty list, at least."""
    if len(accounts) <= USERS_PER_FILE:
        yield f"{stem}.yaml", accounts
        return
    width = max(3, len(str(-(-len(accounts) // USERS_PER_FILE))))
    for number, start in enumerate(range(0, len(accounts), USERS_PER_FILE), 1):
        yield f"{stem}-{number:0{width}}.yaml", accounts[start : start + USERS_PER_FILE]


class _EntryWriter:
    """Writes entries, counts them, and keeps two users from having one name."""

    def __init__(self, inverter: Inverter, report: ExportReport) -> None:
        self._inverter = inverter
        self._report = report
        self._taken: set[str] = set()

    def write(self, account: LiveUser) -> str:
        """Return the entry of a managed account; a comment if the desired state could not be read with it."""
        found = self._inverter.invert(account)
        attributes = {name: value for name, value in found.attributes.items() if fits(name, value)}
        why = self._find_obstacle(attributes, found.attributes)
        if why:
            self._report.omitted.append(OmittedAccount(account.user_name, account.id, why))
            return comment_out(format_entry(attributes), f"Left out: {why}")
        key = str(attributes[NAME])
        lost = (*found.lost, *self._find_too_long(account, found.attributes, attributes))
        self._report.losses.add(key, lost, active=account.active)
        if account.active:
            self._report.active += 1
        else:
            self._report.inactive += 1
        return format_entry(attributes)

    def write_comment(self, account: LiveUser) -> str:
        """Return the entry of an account that is not managed, as a comment."""
        found = self._inverter.invert(account).attributes
        return comment_out(format_entry({name: value for name, value in found.items() if fits(name, value)}))

    def _find_obstacle(self, attributes: Mapping[str, SourceValue], found: Mapping[str, SourceValue]) -> str:
        """Return why the desired state could not be read with this user; "" if it can. Takes the user's names."""
        for name in _IDENTIFYING:
            if name in found and name not in attributes:
                return f"its {name} is too long for a line"
        names = {fold_case(str(attributes[name])): name for name in _IDENTIFYING if name in attributes}
        for folded, name in names.items():
            if folded in self._taken:
                return f"another account has the {name} {quote(str(attributes[name]))}"
        self._taken.update(names)
        return ""

    def _find_too_long(
        self, account: LiveUser, found: Mapping[str, SourceValue], written: Mapping[str, SourceValue]
    ) -> Iterator[LostValue]:
        rows = self._inverter.rows if len(written) < len(found) else ()
        for row in rows:
            if any(name in found and name not in written for name in row.inputs):
                yield LostValue(row, account.attributes.get(row.target), None)


def _write_snapshot(path: Path, accounts: Iterable[LiveUser]) -> None:
    """Write the ids of all accounts, in ASCII: no value can end a line."""
    with path.open("w", encoding="ascii") as file:
        for each in accounts:
            line = {
                "id": each.id,
                "userName": each.user_name,
                "externalId": each.external_id,
                "active": each.active,
                "managed": each.managed,
            }
            file.write(json.dumps(line) + "\n")
