"""Read the desired state from a directory of YAML files: find, parse and validate, each error with its origin."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from reconciler.core.model import Diagnostic, Origin, SourceUser, error
from reconciler.core.values import fold_case
from reconciler.desired import layout, schema
from reconciler.desired.directory_files import DirectoryFiles
from reconciler.desired.final_keys import FinalKey, find_overrides
from reconciler.desired.layout import FLEET_FILE
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.plain_entries import PlainMark
from reconciler.desired.settings_layers import SettingsLayers
from reconciler.desired.source_users import read_source_user
from reconciler.desired.users_cache import CachedReader, UsersCache, UsersFile, discard_first
from reconciler.desired.validation import LocatedModel, Model, validate, validate_rest
from reconciler.desired.yaml_blocks import locate_in_block
from reconciler.desired.yaml_nodes import LayeredMapping, YamlMapping
from reconciler.desired.yaml_reader import read_items, read_mapping

if TYPE_CHECKING:
    from reconciler.desired.parsed_users import UsersPacker

_START = PlainMark(0, 0)
_Found = TypeVar("_Found")


@dataclass(slots=True)
class Directory(DirectoryFiles):
    """A desired-state directory. Reading collects diagnostics and never raises for the content of a file."""

    rejected: list[YamlMapping] = field(default_factory=list)
    """Invalid list entries; references to their names are not reported as unknown."""
    watch: Callable[[str, YamlMapping], None] | None = None
    """Called with the file and each entry of a user when it is read, before it is validated."""
    cache: UsersCache | None = None
    """Keeps parsed users from one run to the next."""
    invalid: dict[str, YamlMapping] = field(default_factory=dict)
    """Files of one mapping that are YAML, but not valid."""
    _layered: SettingsLayers | None = None
    """The settings of the layers below, once they were read."""

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
            invalid={**self.invalid},
            _strays=[*self._strays],
        )

    def read_settings(self) -> LocatedModel[schema.Settings] | None:
        """Read settings.yaml, which is required; None if it is missing or invalid.

        Those of a tenant of a fleet are merged from the layers, and name the tenant.
        """
        layers = self.read_settings_layers()
        if layers is None:
            return None
        return self._validate_settings(layers.merge(self.report))

    def _validate_settings(self, node: YamlMapping) -> LocatedModel[schema.Settings] | None:
        """Validate the merged settings. What is missing in them may be in the file of a layer that was lost."""
        found: list[Diagnostic] = []
        located = validate(node, schema.Settings, found.append)
        if located is None:
            self._mark_invalid("settings.yaml", node)
            if any(map(_is_missing, found)) and self._report_lost_settings():
                found = [item for item in found if not _is_missing(item)]
        for item in found:
            self.report(item)
        return located

    def _report_lost_settings(self) -> bool:
        return self.place is not None and self.report_lost(self.place.list_files("settings.yaml"))

    def read_settings_layers(self) -> SettingsLayers | None:
        """Read settings.yaml of each layer; None if there is none, or one cannot be read."""
        below = self._read_lower_settings()
        own = self._read_mapping("settings.yaml") if self._exists("settings.yaml") else None
        if self.layers_unknown or not below.is_complete or (own is None and self._exists("settings.yaml")):
            return None
        if own is None and not below.lower:
            # One error is enough: the name of the stray file is to be corrected, or another directory is meant.
            is_misspelt = "settings.yaml" in map(layout.suggest_name, self._strays)
            is_here = self.root.is_dir() and not self._exists(FLEET_FILE)
            if is_here and not is_misspelt and not self._report_lost_settings():
                self._report_missing_settings()
            return None
        return below.complete(own, self.place)

    def _read_lower_settings(self) -> SettingsLayers:
        """Read settings.yaml of the layers below, once, with the keys that they declare final."""
        if self._layered is None:
            self._layered = self.read_once(("settings", self._folders), Directory._read_lower_files)
        return self._layered

    @property
    def _folders(self) -> tuple[str, ...]:
        """The folders of the layers; what is read of them alone is the same for all tenants that have these."""
        return self.place.folders if self.place is not None else ()

    def read_of_layers(self, name: str, key: Hashable, read: Callable[[Directory], _Found]) -> _Found:
        """Return what `read` returns, as `read_once` does: if the directory has no file `name` of its own."""
        if self.place is None or self._exists(name):
            return read(self)
        self._read_lower_settings()  # reported here, not once more with what is read now
        return self.read_once((name, key, self._folders), read)

    def read_nodes(self, name: str) -> list[YamlMapping]:
        """Read a file of one mapping in each layer, the lowest first; those that cannot be read are reported."""
        if name == "settings.yaml":
            layers = self.read_settings_layers()
            return layers.nodes if layers is not None else []
        return [node for node in map(self._read_mapping, self.list_files(name)) if node is not None]

    def list_finals(self) -> list[FinalKey]:
        """Return the keys that the layers declare final."""
        return self._read_lower_settings().finals

    def _read_lower_files(self) -> SettingsLayers:
        layers = SettingsLayers()
        for name in self._list_lower_files("settings.yaml"):
            layers.add(self._read_mapping(name), self.report)
        return layers

    def start_again(self) -> Directory:
        """Return the directory with nothing found yet, but the settings of the layers."""
        return replace(DirectoryFiles.start_again(self), rejected=[], invalid={})

    def add_findings(self, other: DirectoryFiles) -> None:
        """Add what `other`, which began with nothing, has found."""
        DirectoryFiles.add_findings(self, other)
        if isinstance(other, Directory):
            self.rejected += other.rejected
            self.invalid.update(other.invalid)

    def _report_missing_settings(self) -> None:
        name = "settings.yaml"
        detail = f"Create {self.root / name}."
        if self.place is not None:
            detail = f"Create {self.root / name}, or defaults/settings.yaml for all tenants of the fleet."
        self._report_unread(error(f"{name} is missing", detail, Origin(name, 1, 1)))

    def read_rest_of_settings(self) -> LocatedModel[schema.Settings] | None:
        """Return invalid settings without their invalid parts, to check other files; None if too little is valid."""
        node = self.invalid.get("settings.yaml")
        return None if node is None else validate_rest(node, schema.Settings)

    def read_scope(self) -> LocatedModel[schema.ScopeEntry] | None:
        """Read scope.yaml, merged from the layers; None if absent (every user is in scope) or invalid (reported)."""
        return self.read_of_layers("scope.yaml", "rules", Directory._read_scope)

    def _read_scope(self) -> LocatedModel[schema.ScopeEntry] | None:
        files = self.list_files("scope.yaml")
        nodes = [node for node in map(self._read_mapping, files) if node is not None]
        if not files or len(nodes) < len(files) or self.layers_unknown:
            return None
        for node in nodes[1:]:
            self._report_overrides("scope", node, node.file)
        return self._validate("scope.yaml", LayeredMapping(*nodes) if len(nodes) > 1 else nodes[0], schema.ScopeEntry)

    def _report_overrides(self, kind: str, node: YamlMapping, name: str) -> None:
        """Report the final keys that the file `name` sets, which is not in the lowest layer."""
        for diagnostic in find_overrides(kind, node, self._read_lower_settings().list_finals(name)):
            self.report(diagnostic)

    def read_mappings(self) -> list[LocatedModel[schema.MappingEntry]]:
        """Read the rows of mappings.yaml; empty if the file is absent: the profile's rows apply then.

        The highest layer that has the file replaces those below it.
        """
        files = self.list_files("mappings.yaml")
        for name in files:
            self._report_overrides("mappings", YamlMapping(name, _START), name)
        rows = [self._read_models(name, schema.MappingEntry) for name in files]
        return rows[-1] if rows and not self.layers_unknown else []

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
        """Read the bytes of all files, for `digests`: those of the layers too."""
        for _ in self.read_contents():
            pass
        for name in () if self.place is None else self.place.files:
            if self._exists(name):
                self._read(name)

    def read_contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the bytes of each file of the directory itself; those that cannot be read are reported."""
        top = [name for name in layout.TOP_FILES if self._exists(name)]
        for name in (*top, *self._walk("groups"), *self._walk("users")):
            content = self._read(name)
            if content is not None:
                yield name, content

    def list_rejected_names(self) -> set[str]:
        """Return the texts of invalid entries, case-folded: any of them may be the name, under a misspelt key."""
        return {fold_case(text) for node in self.rejected for text in node.values() if isinstance(text, str)}

    # --- models ------------------------------------------------------------

    def _read_mapping(self, name: str) -> YamlMapping | None:
        """Read a file that is one mapping; None, with a diagnostic, if it cannot be read."""
        content = self._read(name)
        if content is None:
            return None
        return read_mapping(content, name, self._report_unread, partial(self._describe_way_out, name, content))

    def _validate(self, name: str, node: YamlMapping, model: type[Model]) -> LocatedModel[Model] | None:
        located = validate(node, model, self.report)
        if located is None:
            self._mark_invalid(name, node)
        return located

    def _mark_invalid(self, name: str, node: YamlMapping) -> None:
        self.invalid[name] = node
        self.mark_unread(name)

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


def _is_missing(item: Diagnostic) -> bool:
    """Whether a key is missing."""
    return item.summary.endswith(" is missing")
