"""Read the desired state from a directory of YAML files: find, parse and validate, each error with its origin."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core.model import Diagnostic, Origin, Severity, SourceUser, error
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.desired import layout, schema
from reconciler.desired.diagnostic_list import DiagnosticList, add_source_lines
from reconciler.desired.empty_files import Blobs, describe_way_out, list_tracked
from reconciler.desired.file_content import find_foreign_content
from reconciler.desired.folders import contains_yaml, is_link_out_of_repository
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.missing_state import describe_missing_state
from reconciler.desired.source_users import read_source_user
from reconciler.desired.users_cache import CachedReader, UsersCache, UsersFile, discard_first
from reconciler.desired.validation import LocatedModel, Model, validate, validate_rest
from reconciler.desired.yaml_blocks import locate_in_block
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.desired.yaml_reader import MAX_DIAGNOSTICS, read_document, read_items
from reconciler.desired.yaml_text import MAX_BYTES

if TYPE_CHECKING:
    from reconciler.desired.parsed_users import UsersPacker

_MAX_FILES = 20_000


@dataclass(slots=True)
class Directory:
    """A desired-state directory. Reading collects diagnostics and never raises for the content of a file."""

    root: Path
    digests: dict[str, str] = field(default_factory=dict)
    """sha256 of each file read, by its name relative to the root."""
    open_ended: set[str] = field(default_factory=set)
    """The files read that do not end with a line break."""
    rejected: list[YamlMapping] = field(default_factory=list)
    """Invalid list entries; references to their names are not reported as unknown."""
    unread: set[str] = field(default_factory=set)
    """The parts (top-level files and folders) with an error that may hide some of their content."""
    unseen: set[str] = field(default_factory=set)
    """The parts with files that git tracks and that are not in the work tree."""
    watch: Callable[[str, YamlMapping], None] | None = None
    """Called with the file and each entry of a user when it is read, before it is validated."""
    known: Mapping[str, str] = field(default_factory=dict)
    """By name, the sha256 of files that were read before: what these bytes hold was checked then."""
    cache: UsersCache | None = None
    """Keeps parsed users from one run to the next."""
    _found: DiagnosticList = field(default_factory=DiagnosticList)
    _asked: dict[str, Blobs | None] = field(default_factory=dict)
    """What git tracks, once it was asked."""
    _invalid: dict[str, YamlMapping] = field(default_factory=dict)
    """Files of one mapping that are YAML, but not valid."""
    _strays: list[str] = field(default_factory=list)
    """Names of files and folders that must not be in the desired state."""

    def copy(self) -> Directory:
        """Return a directory that has been read as far as this one, and collects by itself from here."""
        return replace(
            self,
            digests={**self.digests},
            open_ended={*self.open_ended},
            rejected=[*self.rejected],
            unread={*self.unread},
            unseen={*self.unseen},
            _found=self._found.copy(),
            _invalid={**self._invalid},
            _strays=[*self._strays],
        )

    def read_settings(self) -> LocatedModel[schema.Settings] | None:
        """Read settings.yaml, which is required; None if it is missing or invalid."""
        return self._read_required("settings.yaml", schema.Settings)

    def read_rest_of_settings(self) -> LocatedModel[schema.Settings] | None:
        """Return invalid settings without their invalid parts, to check other files; None if too little is valid."""
        node = self._invalid.get("settings.yaml")
        return None if node is None else validate_rest(node, schema.Settings)

    def read_scope(self) -> LocatedModel[schema.ScopeEntry] | None:
        """Read scope.yaml; None if it is absent (every user is in scope) or invalid (reported)."""
        return self._read_model("scope.yaml", schema.ScopeEntry) if self._exists("scope.yaml") else None

    def read_mappings(self) -> list[LocatedModel[schema.MappingEntry]]:
        """Read the rows of mappings.yaml; empty if the file is absent: the profile's rows apply then."""
        return self._read_models("mappings.yaml", schema.MappingEntry) if self._exists("mappings.yaml") else []

    def has(self, name: str) -> bool:
        """Whether the file `name` exists."""
        return self._exists(name)

    def locate_in_value(self, origin: Origin | None, text: str, position: int) -> Origin | None:
        """Return the origin of character `position` in the value `text` that starts at `origin`.

        None if the file spells the value differently: with escapes, or over several lines that are not a plain block.
        """
        if origin is None:
            return None
        try:
            lines = (self.root / origin.file).read_text("utf-8").split("\n")
            start = lines[origin.line - 1].find(text, origin.column - 1)
            if start >= 0:
                return replace(origin, column=start + position + 1)
            place = locate_in_block(lines, origin.line, origin.column, text, position)
        except (OSError, ValueError, IndexError):
            return None
        return place and replace(origin, line=place[0], column=place[1])

    def read_groups(self) -> list[LocatedModel[schema.GroupEntry]]:
        """Read all groups of groups/**."""
        return [group for name in self._walk("groups") for group in self._read_models(name, schema.GroupEntry)]

    def read_users(self, keys: UserKeys | None = None) -> Iterator[SourceUser]:
        """Read the users of users/** one at a time, in the order of file names and lines. `keys` checks their keys."""
        for _, parse in self.read_user_files(keys or UserKeys()):
            yield from parse()

    def read_user_files(self, keys: UserKeys) -> Iterator[tuple[UsersFile, Callable[[], Iterator[SourceUser]]]]:
        """Yield each file of users/** that can be read, and how to read its users, if that is needed."""
        cached = CachedReader(self.cache) if self.cache is not None and self.watch is None else None
        for name in self._walk("users"):
            content = self._read(name)
            if content is None:
                continue
            file = UsersFile(name, len(content), self.digests[name])
            parse = partial(self._parse_users, name, content, keys)
            pays = cached is not None and cached.pays(len(content))
            yield file, partial(cached.read, file, keys, parse) if cached is not None and pays else parse
        if cached is not None:
            cached.close()

    def _parse_users(
        self, name: str, content: bytes, keys: UserKeys, packer: UsersPacker | None = None
    ) -> Iterator[SourceUser]:
        """Parse the users of a file; `packer` packs them for the cache, unless anything is reported."""
        report, report_unread = discard_first(packer, self.report), discard_first(packer, self._report_unread)
        for item in read_items(content, name, report_unread, partial(self._describe_way_out, name, content)):
            if self.watch is not None:
                self.watch(name, item)
            user = read_source_user(item, report, keys)
            if user is None:
                self.rejected.append(item)
                continue
            if packer is not None:
                packer.add(item, user)
            yield user

    def read_all(self) -> None:
        """Read the bytes of all files, for `digests`."""
        for _ in self.read_contents():
            pass

    def read_contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the bytes of each file; those that cannot be read are reported."""
        top = [name for name in layout.TOP_FILES if self._exists(name)]
        for name in (*top, *self._walk("groups"), *self._walk("users")):
            content = self._read(name)
            if content is not None:
                yield name, content

    def list_rejected_names(self) -> set[str]:
        """Return the texts of invalid entries, case-folded: any of them may be the name, under a misspelt key."""
        return {fold_case(text) for node in self.rejected for text in node.values() if isinstance(text, str)}

    def _report_unread(self, diagnostic: Diagnostic) -> None:
        """Report why a part was not read completely; what it may hold is not judged then."""
        if diagnostic.severity is Severity.ERROR:
            self._mark_unread(diagnostic.origin.file if diagnostic.origin else "")
        self._found.report(diagnostic, first=diagnostic.severity is Severity.ERROR)

    def _mark_unread(self, name: str) -> None:
        """Mark the parts that the file `name` may belong to; "": any of them."""
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
        if self._leaves_repository():
            return
        for path in sorted(self.root.iterdir()):
            if not self._check_utf8(path):
                continue
            if path.is_dir() and path.name not in layout.TOP_FILES:
                stray = layout.check_top_folder(path.name)
                if stray is not None and self._check_not_link(path) and contains_yaml(path):
                    self._report_stray(stray, path)
            else:
                self._report_stray(layout.check_top_file(path.name), path)

    def _report_stray(self, stray: layout.Stray | None, path: Path) -> None:
        """Report a file or a folder that must not be here, up to `MAX_DIAGNOSTICS` of them."""
        if stray is None:
            return
        name = self._relative(path)
        self._strays.append(name)
        self._mark_unread(name)
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
        content = None if self._leaves_repository() else self._read_regular_file(name)
        if content is None:
            return None
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
            self._asked["tracked"] = list_tracked(self.root)
        return describe_way_out(self.root, name, content, self._asked["tracked"])

    def _report_file(self, name: str, summary: str, detail: str) -> None:
        self._report_unread(error(summary, detail, Origin(name, 1, 1)))

    # --- models ------------------------------------------------------------

    def _read_required(self, name: str, model: type[Model]) -> LocatedModel[Model] | None:
        if not self._exists(name):
            # One error is enough: the name of the stray file is to be corrected.
            if self.root.is_dir() and name not in map(layout.suggest_name, self._strays):
                self._report_unread(error(f"{name} is missing", f"Create {self.root / name}.", Origin(name, 1, 1)))
            return None
        return self._read_model(name, model)

    def _read_model(self, name: str, model: type[Model]) -> LocatedModel[Model] | None:
        content = self._read(name)
        if content is None:
            return None
        before = len(self.diagnostics)
        node = read_document(content, name, self._report_unread)
        if len(self.diagnostics) > before and node is None:
            return None
        if node is None:
            self._report_file(name, "the file is empty", self._describe_way_out(name, content))
            return None
        if not isinstance(node, YamlMapping):
            detail = "Write `key: value` lines, without a dash before them."
            self._report_file(name, "the file must be a mapping", detail)
            return None
        located = validate(node, model, self.report)
        if located is None:
            self._invalid[name] = node
            self._mark_unread(name)
        return located

    def _read_models(self, name: str, model: type[Model]) -> list[LocatedModel[Model]]:
        content = self._read(name)
        if content is None:
            return []
        found = []
        for item in read_items(content, name, self._report_unread, partial(self._describe_way_out, name, content)):
            located = validate(item, model, self.report)
            if located is None:
                self.rejected.append(item)
            else:
                found.append(located)
        return found
