"""The files of a desired state: which there are, their bytes, and what is wrong with them.

Those of a tenant of a fleet are completed by files of the layers, outside of its directory (see `layers`).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from reconciler.core.model import Diagnostic, Origin, Severity, error
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import quote
from reconciler.desired import layout
from reconciler.desired.diagnostic_list import DiagnosticList, DiagnosticLog, add_source_lines
from reconciler.desired.empty_files import Blobs, describe_way_out, list_tracked
from reconciler.desired.file_content import find_foreign_content
from reconciler.desired.fleet_files import read_bounded
from reconciler.desired.folders import contains_yaml, is_link_out_of_repository
from reconciler.desired.layers import (
    FLEET_NAME,
    TenantPlace,
    check_same_repository,
    describe_lost,
    find_fleet_root,
    find_place,
    find_strays,
    is_layer,
    list_lost,
)
from reconciler.desired.layout import FLEET_FILE, TENANT_FILE
from reconciler.desired.missing_state import describe_missing_state
from reconciler.desired.yaml_reader import MAX_DIAGNOSTICS
from reconciler.desired.yaml_text import MAX_BYTES

_MAX_FILES = 20_000
_Found = TypeVar("_Found")


@dataclass(slots=True)
class DirectoryFiles:
    """The files of a desired-state directory. Reading collects diagnostics and never raises for what a file holds."""

    root: Path
    digests: dict[str, str] = field(default_factory=dict)
    """sha256 of each file read, by its name relative to the root."""
    open_ended: set[str] = field(default_factory=set)
    """The files read that do not end with a line break."""
    unread: set[str] = field(default_factory=set)
    """The parts (top-level files and folders) with an error that may hide some of their content."""
    unseen: set[str] = field(default_factory=set)
    """The parts with files that git tracks and that are not in the work tree."""
    known: Mapping[str, str] = field(default_factory=dict)
    """By name, the sha256 of files that were read before: what these bytes hold was checked then."""
    _found: DiagnosticList = field(default_factory=DiagnosticList)
    _asked: dict[str, Blobs | None] = field(default_factory=dict)
    """What git tracks, once it was asked."""
    _strays: list[str] = field(default_factory=list)
    """Names of files and folders that must not be in the desired state."""
    shared: dict[Hashable, tuple[Any, DirectoryFiles]] | None = None
    """What the tenants of one fleet have in common, as the first of them read it; None: each file is read here."""
    layers_unknown: bool = False
    """Whether fleet.yaml or tenant.yaml has an error: what the layers hold is not known then."""
    _place: TenantPlace | None = None
    _is_placed: bool = False

    @property
    def place(self) -> TenantPlace | None:
        """The place of the directory in a fleet; None outside of one. What is wrong with it is reported, once."""
        if not self._is_placed:
            self._is_placed = True
            is_in_fleet = self.root.is_dir() and find_fleet_root(self.root) is not None
            # A desired state of its own has no tenant.yaml: git says whether its fleet was lost.
            if not (is_in_fleet or self._exists(TENANT_FILE)) or self._leaves_repository():
                return None
            if not is_in_fleet:
                self.layers_unknown = self.report_lost((FLEET_NAME,))
            else:
                before = len(self.diagnostics)
                self._place = find_place(self.root, self._read_layer, self._report_unread)
                found = self.diagnostics[before:]
                self.layers_unknown = self._place is None and any(item.severity is Severity.ERROR for item in found)
        return self._place

    def read_once(self, key: Hashable, read: Callable[[Self], _Found]) -> _Found:
        """Return what `read` returns, and report what it reports; called for the first of the tenants with this `key`.

        It must depend on the layers and on `key` alone, and what it returns must not be changed.
        """
        if self.shared is None:
            return read(self)
        if key not in self.shared:
            alone = self.start_again()
            self.shared[key] = (read(alone), alone)
        found, reader = self.shared[key]
        self.add_findings(reader)
        return found  # type: ignore[no-any-return]

    def start_again(self) -> Self:
        """Return the directory with nothing found yet."""
        found = DiagnosticLog()
        nothing: dict[str, Any] = {"digests": {}, "open_ended": set(), "unread": set(), "unseen": set(), "_strays": []}
        return replace(self, **nothing, _found=found)

    def add_findings(self, other: DirectoryFiles) -> None:
        """Add what `other`, which began with nothing, has found."""
        if isinstance(other._found, DiagnosticLog):
            other._found.repeat(self._found)
        self.digests.update(other.digests)
        self.open_ended |= other.open_ended
        self.unread |= other.unread

    def report_lost(self, files: tuple[str, ...]) -> bool:
        """Report those of these files of layers that git tracks and that are missing; whether there are any."""
        lost = self.read_once(("lost", files), lambda reader: list_lost(reader.root, files))
        for name in lost:
            self._report_unread(describe_lost(self.root, name))
        return bool(lost)

    def has(self, name: str) -> bool:
        """Whether the file `name` exists; one at the top level can be in a layer."""
        return bool(self.list_files(name))

    def has_own(self, name: str) -> bool:
        """Whether the file `name` exists in the directory itself."""
        return self._exists(name)

    def list_files(self, name: str) -> list[str]:
        """Return where the file `name` exists: in the layers, the lowest first, then in the directory itself."""
        return [*self._list_lower_files(name), *([name] if self._exists(name) else [])]

    def _list_lower_files(self, name: str) -> list[str]:
        """Return where the file `name` exists in the layers, the lowest first."""
        if self.place is None or name not in layout.TOP_FILES:
            return []
        files = self.place.list_files(name)
        return self.read_once(("exist", files), lambda reader: [file for file in files if reader.has_own(file)])

    def _read_layer(self, name: str, limit: int = MAX_BYTES) -> bytes | None:
        """Return the bytes of a file of a layer, or of tenant.yaml."""
        if not is_layer(name):
            return self.read_outside(name, limit)
        return self.read_once((name, limit), lambda reader: reader.read_outside(name, limit))

    def read_outside(self, name: str, limit: int) -> bytes | None:
        """Read a file that may be outside of the directory; links are not followed on the way to it."""
        for folder in list(Path(name).parents)[:-1]:
            if folder.name != ".." and (self.root / folder).is_symlink():
                detail = "Put the folder itself here: links are not followed."
                self._report_unread(error("a link to a directory", detail, Origin(folder.as_posix(), 1, 1)))
                return None
        content = read_bounded(self.root / name, name, limit, self._report_unread)
        return self._check_content(name, content) if content is not None else None

    def _report_unread(self, diagnostic: Diagnostic) -> None:
        """Report why a part was not read completely; what it may hold is not judged then."""
        if diagnostic.severity is Severity.ERROR:
            self.mark_unread(diagnostic.origin.file if diagnostic.origin else "")
        self._found.report(diagnostic, first=diagnostic.severity is Severity.ERROR)

    def mark_unread(self, name: str) -> None:
        """Mark the parts that the file `name` may belong to; "": any of them."""
        if is_layer(name):
            top = name.rpartition("/")[2]
            self.unread.update([top] if top in layout.TOP_FILES else (*layout.TOP_FILES, *layout.FOLDERS))
            return
        parts = layout.list_parts(name)
        self.unread.update(part for part in parts if part in layout.FOLDERS or part == name or not self.has(part))

    def report(self, diagnostic: Diagnostic) -> None:
        """Add a diagnostic."""
        self._found.report(diagnostic)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """The diagnostics in the order in which they were reported."""
        return self._found.items

    def describe_problems(self) -> tuple[Diagnostic, ...]:
        """Return the diagnostics for display: counted, with source lines, those about unread files first."""
        return add_source_lines(self._found.collect(), self.root)

    def check_layout(self) -> None:
        """Report files that would not be read: a misspelt name must not look like an empty file."""
        if not self.root.is_dir():
            self._report_unread(describe_missing_state(self.root))
            return
        if self._leaves_repository() or self._is_fleet_root():
            return
        is_tenant = self.place is not None or self.layers_unknown
        for problem in self._find_strays(self.place) if self.place is not None else ():
            self._report_unread(problem)
        for path in sorted(self.root.iterdir()):
            if not self._check_utf8(path):
                continue
            if path.is_dir() and path.name not in layout.TOP_FILES:
                stray = layout.check_top_folder(path.name, is_tenant=is_tenant)
                if stray is not None and self._check_not_link(path) and contains_yaml(path):
                    self._report_stray(stray, path)
            else:
                self._report_stray(layout.check_top_file(path.name, is_tenant=is_tenant), path)

    def _find_strays(self, place: TenantPlace) -> list[Diagnostic]:
        """Return what is wrong with the folders of the layers."""
        of_layers = self.read_once(("strays", place.folders), lambda reader: tuple(find_strays(reader.root, place)))
        return [*check_same_repository(self.root), *of_layers]

    def _is_fleet_root(self) -> bool:
        """Whether the directory is the root of a fleet (reported): its tenants are the desired states."""
        if self._exists("settings.yaml") or not self._exists(FLEET_FILE):
            return False
        detail = f"Name one of its tenants, such as --state {self.root / 'tenants' / 'NAME'}."
        self._report_unread(error("this is the root of a fleet, not a desired state", detail, Origin(FLEET_FILE, 1, 1)))
        return True

    def _report_stray(self, stray: layout.Stray | None, path: Path) -> None:
        """Report a file or a folder that must not be here, up to `MAX_DIAGNOSTICS` of them."""
        if stray is None:
            return
        name = self._relative(path)
        self._strays.append(name)
        self.mark_unread(name)
        if len(self._strays) == MAX_DIAGNOSTICS + 1:
            summary = (
                f"more than {MAX_DIAGNOSTICS} files that do not belong in the desired state; the others are not listed"
            )
            self.report(error(summary, "Move or delete the listed files first.", Origin(name, 1, 1)))
        elif len(self._strays) <= MAX_DIAGNOSTICS:
            self.report(error(stray.summary, stray.detail, Origin(name, 1, 1)))

    # --- files ------------------------------------------------------------

    def _exists(self, name: str) -> bool:
        return os.path.lexists(self.root / name)

    def _leaves_repository(self) -> bool:
        """Whether the directory is a link out of its repository (reported); its content must not be shown."""
        if not is_link_out_of_repository(self.root):
            return False
        # Without an origin: no line of the link's target is shown.
        leaves = error(f"{self.root} is a link that leaves its repository", "Replace it with the directory itself.")
        if leaves not in self.diagnostics:
            self._report_unread(leaves)
        return True

    def _check_not_link(self, folder: Path) -> bool:
        """Whether this directory is not a link. Links are reported, neither followed nor listed."""
        if folder.is_symlink():
            detail = "Put the files themselves here: links to directories are not followed."
            self._report_unread(error("a link to a directory", detail, Origin(self._relative(folder), 1, 1)))
            return False
        return True

    def _walk(self, folder: str) -> list[str]:
        """List the YAML files below `folder`, sorted; links to directories are reported, not followed."""
        names: list[str] = []
        top = self.root / folder
        if self._leaves_repository() or not self._check_not_link(top):
            return names
        for directory, folders, files in os.walk(top, onerror=self._report_unreadable_folder):
            folders[:] = [name for name in sorted(folders) if self._check_folder(Path(directory, name))]
            paths = (Path(directory, name) for name in sorted(files))
            names += [self._relative(path) for path in paths if self._check_file(path)]
        if len(names) > _MAX_FILES:
            self._report_unread(error(f"more than {_MAX_FILES:,} files", "Merge some of them.", Origin(folder, 1, 1)))
            return []
        return sorted(names)

    def _check_folder(self, path: Path) -> bool:
        """Whether to read this folder below users/ or groups/."""
        if path.name == ".git":
            self._report_stray(layout.check_file(path.name), path)
            return False
        if not (self._check_utf8(path) and self._check_not_link(path)):
            return False
        stray = layout.check_folder(path.name)
        if stray is not None and contains_yaml(path):
            self._report_stray(stray, path)
        return stray is None

    def _check_file(self, path: Path) -> bool:
        """Whether to read this file below users/ or groups/."""
        if not self._check_utf8(path):
            return False
        stray = layout.check_file(path.name)
        self._report_stray(stray, path)
        return stray is None and layout.is_read(self._relative(path))

    def _check_utf8(self, path: Path) -> bool:
        """Whether a file name is UTF-8. A plan names the files of its users: it could not be a JSON document."""
        if layout.is_utf8(path.name):
            return True
        folder = self._relative(path).partition("/")[0]
        origin = Origin(folder, 1, 1) if folder in layout.FOLDERS else None
        self._report_unread(error("a file name that is not UTF-8", f"Rename {quote(path.name)}.", origin))
        return False

    def _report_unreadable_folder(self, exc: OSError) -> None:
        path = Path(exc.filename)
        if path != self.root / path.name or path.exists():  # groups/ and users/ may be absent
            self._report_file(
                self._relative(path), f"cannot be read: {describe_os_error(exc)}", advise(exc, "Check its permissions.")
            )

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _read(self, name: str) -> bytes | None:
        """Return the file's bytes; None, with a diagnostic, if it must not or cannot be read."""
        if is_layer(name):
            return self._read_layer(name)
        content = None if self._leaves_repository() else self._read_regular_file(name)
        return self._check_content(name, content) if content is not None else None

    def _check_content(self, name: str, content: bytes) -> bytes | None:
        """Note what was read; None, with a diagnostic, if it is no YAML."""
        digest = hashlib.sha256(content).hexdigest()
        foreign = find_foreign_content(content) if digest != self.known.get(name) else None
        if foreign is not None:
            self._report_unread(error(foreign.summary, foreign.detail, Origin(name, foreign.line, 1)))
            return None
        self.digests[name] = digest
        if not content.endswith(b"\n"):
            self.open_ended.add(name)
        return content

    def _read_regular_file(self, name: str) -> bytes | None:
        path = self.root / name
        try:
            if not path.resolve().is_relative_to(self.root.resolve()):
                self._report_file(name, "a link that leaves the directory", "Put the file itself here.")
                return None
            # A pipe or a device would never end.
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                self._report_file(name, "not a regular file", "Only regular files are read.")
                return None
            if status.st_size > MAX_BYTES:
                self._report_file(name, f"larger than {MAX_BYTES // 1024 // 1024} MiB", "Split the file.")
                return None
            return path.read_bytes()
        except (OSError, RuntimeError) as exc:  # RuntimeError: a link that points to itself
            why = describe_os_error(exc) if isinstance(exc, OSError) else "the link points to itself"
            detail = "Check that it exists and is readable."
            detail = advise(exc, detail) if isinstance(exc, OSError) else detail
            self._report_file(name, f"cannot be read: {why}", detail)
            return None

    def _describe_way_out(self, name: str, content: bytes) -> str:
        """Return what to do about an empty file. git is asked once, for the first one."""
        if "tracked" not in self._asked:
            self._asked["tracked"] = list_tracked(self.root, self.place)
        is_tenant = self.place is not None
        return describe_way_out(self.root, name, content, self._asked["tracked"], is_tenant=is_tenant)

    def _report_file(self, name: str, summary: str, detail: str) -> None:
        self._report_unread(error(summary, detail, Origin(name, 1, 1)))
