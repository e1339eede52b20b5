"""The settings of a tenant, merged from the layers of its fleet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from reconciler.core.model import Diagnostic, Origin
from reconciler.desired.final_keys import FinalKey, find_overrides, take_final
from reconciler.desired.guard_layers import find_loosened
from reconciler.desired.layers import FLEET_NAME, TenantPlace, is_layer
from reconciler.desired.plain_entries import PlainMark
from reconciler.desired.schema import ProvisioningSettings
from reconciler.desired.tenant_identity import check_identity
from reconciler.desired.validation import drop_nulls
from reconciler.desired.yaml_nodes import LayeredMapping, YamlMapping
from reconciler.desired.yaml_reader import Report

_TARGET = "target"
_DOMAINS = "domains"
_PROVISIONING = "provisioning"


@dataclass(slots=True)
class SettingsLayers:
    """settings.yaml of each layer below the tenant's own, the lowest first, and the keys that they declare final.

    `own`: the tenant's. `place`: in its fleet; None outside of one.
    """

    lower: list[YamlMapping] = field(default_factory=list)
    finals: list[FinalKey] = field(default_factory=list)
    own: YamlMapping | None = None
    place: TenantPlace | None = None
    is_complete: bool = True
    """Whether each file could be read."""

    def add(self, node: YamlMapping | None, report: Report) -> None:
        """Add the file of a layer below the tenant's own; None: it cannot be read."""
        if node is None:
            self.is_complete = False
            return
        rest, finals = take_final(node, report)
        self.lower.append(rest)
        self.finals += finals

    def complete(self, own: YamlMapping | None, place: TenantPlace | None) -> SettingsLayers:
        """Return the layers with the tenant's own file on top."""
        return replace(self, own=own, place=place)

    @property
    def nodes(self) -> list[YamlMapping]:
        """All files, the lowest first."""
        return [*self.lower, *([self.own] if self.own is not None else [])]

    def list_finals(self, name: str) -> list[FinalKey]:
        """Return the keys that layers below the file `name` declare final."""
        folder = name.rpartition("/")[0]
        return [each for each in self.finals if not is_layer(name) or _is_below(each.origin.file, folder)]

    def merge(self, report: Report) -> YamlMapping:
        """Return the merged settings. Final keys that are set again, and guards that are loosened, are reported."""
        if self.place is None and self.own is not None and not self.lower:
            return self.own
        identity = check_identity(self.place, self.nodes) if self.place is not None else ()
        for diagnostic in (*self._find_overrides(), *find_loosened(self.nodes), *identity):
            report(diagnostic)
        merged = LayeredMapping(*(self.nodes or [YamlMapping(FLEET_NAME, PlainMark(0, 0))]))
        if self.place is not None:
            _add_place(merged, self.place)
        _hold(merged, self.nodes)
        return merged

    def _find_overrides(self) -> list[Diagnostic]:
        return [each for node in self.nodes for each in find_overrides("settings", node, self.list_finals(node.file))]


def _is_below(file: str, folder: str) -> bool:
    """Whether a file of a layer is below the layer in `folder`: there are two, defaults/ and one of groups/."""
    return "/groups/" in folder and file.rpartition("/")[0] != folder


def _hold(settings: LayeredMapping, nodes: list[YamlMapping]) -> None:
    """Keep provisioning off if any layer switches it off: that stops every tenant of the fleet or the group."""
    if _read_switch(settings) is not True:
        return
    for node in nodes:
        if _read_switch(node) is False:
            found = node[_PROVISIONING]
            settings.add(_PROVISIONING, found, node.key_origin(_PROVISIONING), node.value_origin(_PROVISIONING))
            return


def _read_switch(node: YamlMapping) -> bool | None:
    """Return whether the settings `node` switch provisioning on; None if they do not say, or say it wrongly."""
    try:
        found = ProvisioningSettings.model_validate(drop_nulls(node[_PROVISIONING]))
    except (ValidationError, KeyError, AttributeError):
        return None  # reported where the settings are validated
    return found.enabled if "enabled" in found.model_fields_set else None


def _add_place(settings: LayeredMapping, place: TenantPlace) -> None:
    """Add what follows from the place in the fleet: the name of the tenant, and the domains of tenant.yaml."""
    start = Origin(FLEET_NAME, 1, 1)
    below = settings.get(_TARGET)
    if below is not None and not isinstance(below, YamlMapping):
        return  # reported where the settings are validated
    target = LayeredMapping(below if below is not None else YamlMapping(FLEET_NAME, PlainMark(0, 0)))
    target.add("tenant", place.tenant, start, start)
    entry = place.entry
    if entry is not None and entry.value.domains:
        node = entry.node
        target.add(_DOMAINS, node[_DOMAINS], node.key_origin(_DOMAINS), node.value_origin(_DOMAINS))
    settings.add(_TARGET, target, settings.key_origin(_TARGET), settings.value_origin(_TARGET))
