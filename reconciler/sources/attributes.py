"""Source attributes and Microsoft Graph's properties: which are read, and what a row says of them. Pure.

Our names are those of Entra's provisioning schema (`desired.source_attributes`); Graph's differ, and some of them are
parts of a property. Graph's names are accepted too. An attribute that Graph cannot list belongs to git.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

from reconciler.core.model import AttributeMapping, SourceValue
from reconciler.core.untrusted_values import LARGEST_NUMBER, LONGEST_VALUE
from reconciler.desired.source_attributes import COMPUTED_ATTRIBUTES, ENTRA_ATTRIBUTES

IDENTITY = ("objectId", "userPrincipalName", "accountEnabled")
"""Always read: they identify a user, and decide about the account."""
MANAGER = "manager"
_MOST_VALUES = 1_000
"""Of one attribute; Entra allows a few hundred."""


class Form(Enum):
    """What a property holds."""

    TEXT = "text"
    FLAG = "true or false"
    LIST = "a list of texts"
    FIRST = "a list of texts; the first one counts"
    REFERENCE = "a reference to another object"
    ANY = "text, a number, true or false, or a list of texts"
    """Directory extensions: their types are their owner's."""


@dataclass(frozen=True, slots=True)
class GraphAttribute:
    """Where Graph has the source attribute `name`: in the property `selected`, or in its `part`."""

    name: str
    selected: str
    form: Form = Form.TEXT
    part: str = ""


@dataclass(frozen=True, slots=True)
class UnavailableAttribute:
    """An attribute that Graph cannot list, and why; its values in git are never touched."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class AttributeSelection:
    """The attributes to read, identity first, and those that cannot be read. Both by name."""

    attributes: tuple[GraphAttribute, ...]
    unavailable: tuple[UnavailableAttribute, ...] = ()

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties of `$select`, each once; the manager is no property."""
        return tuple(dict.fromkeys(each.selected for each in self.attributes if each.form is not Form.REFERENCE))

    @property
    def with_manager(self) -> bool:
        """Whether the manager is read: `$expand`."""
        return any(each.form is Form.REFERENCE for each in self.attributes)

    @property
    def names(self) -> frozenset[str]:
        """The names of the attributes to read."""
        return frozenset(each.name for each in self.attributes)

    @property
    def constant(self) -> frozenset[str]:
        """The properties that Graph lists for every user, null without a value; not so directory extensions."""
        return frozenset(each.selected for each in self.attributes if each.form not in (Form.REFERENCE, Form.ANY))

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """The parts of properties to read, as (property, part): a property that is not null has them all."""
        return tuple((each.selected, each.part) for each in self.attributes if each.part)

    def find_returned(self, keys: Collection[str]) -> frozenset[str]:
        """Return the names of attributes whose property is among `keys`, those of all rows: Graph ignores silently."""
        return frozenset(each.name for each in self.attributes if each.selected in keys)


# --- names ----------------------------------------------------------------------

_RENAMED = {
    "objectId": "id",
    "originalUserPrincipalName": "userPrincipalName",
    "mobile": "mobilePhone",
    "facsimileTelephoneNumber": "faxNumber",
    "physicalDeliveryOfficeName": "officeLocation",
    "immutableId": "onPremisesImmutableId",
}
_PARTS = {
    "costCenter": "employeeOrgData",
    "division": "employeeOrgData",
    **{f"extensionAttribute{number}": "onPremisesExtensionAttributes" for number in range(1, 16)},
}
"""Properties whose parts cannot be selected alone."""
_TEXTS = (
    "userPrincipalName givenName surname displayName mail mailNickname employeeId employeeType employeeHireDate "
    "employeeLeaveDateTime department companyName jobTitle city state country postalCode streetAddress officeLocation "
    "preferredLanguage usageLocation userType mobilePhone faxNumber onPremisesSamAccountName "
    "onPremisesUserPrincipalName onPremisesImmutableId onPremisesSecurityIdentifier onPremisesDistinguishedName "
    "onPremisesDomainName externalUserState createdDateTime deletedDateTime creationType ageGroup "
    "consentProvidedForMinor legalAgeGroupClassification preferredDataLocation securityIdentifier"
).split()
_FLAGS = ("accountEnabled", "onPremisesSyncEnabled")
_LISTS = ("businessPhones", "otherMails", "proxyAddresses", "imAddresses")


def _build_table() -> dict[str, GraphAttribute]:
    rows = [
        *(GraphAttribute(name, name) for name in _TEXTS),
        *(GraphAttribute(name, selected) for name, selected in _RENAMED.items()),
        *(GraphAttribute(name, name, Form.FLAG) for name in _FLAGS),
        *(GraphAttribute(name, name, Form.LIST) for name in _LISTS),
        *(GraphAttribute(name, selected, part=name) for name, selected in _PARTS.items()),
        GraphAttribute("dirSyncEnabled", "onPremisesSyncEnabled", Form.FLAG),
        GraphAttribute("telephoneNumber", "businessPhones", Form.FIRST),
        GraphAttribute(MANAGER, MANAGER, Form.REFERENCE),
    ]
    return {row.name: row for row in rows}


GRAPH_ATTRIBUTES: Mapping[str, GraphAttribute] = _build_table()
"""By name: every attribute that Graph v1.0 lists for many users at once. Source: Graph's CSDL."""
_SINGLE = frozenset(
    "aboutMe birthday hireDate interests mySite pastProjects preferredName responsibilities schools skills"
    " mailboxSettings".split()
)
"""A list that selects one of them is an error of Graph (501)."""
_DIRECTORY_EXTENSION = re.compile(r"extension_[0-9A-Fa-f]{32}_[A-Za-z0-9_]{1,200}", re.ASCII)
_SCHEMA_EXTENSION = re.compile(r"(ext[a-z0-9]{8}|[a-z0-9]+)_[A-Za-z0-9_.]+", re.ASCII)
_PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")
_CUTOFF = 0.85


def is_directory_extension(name: str) -> bool:
    """Return whether `name` is the full name of a directory extension: `extension_<32 hex digits>_<name>`."""
    return _DIRECTORY_EXTENSION.fullmatch(name) is not None


def collect_inputs(mappings: Iterable[AttributeMapping], filtered: Iterable[str], place: str = "") -> frozenset[str]:
    """Return the attributes that mappings read, that scoping filters read (`filtered`), and that `place` names."""
    read = {name for row in mappings for name in row.inputs} | set(filtered) | set(_PLACEHOLDER.findall(place))
    return frozenset(name for name in read if name not in COMPUTED_ATTRIBUTES and name.split(".")[0] != "lifecycle")


def select_attributes(names: Iterable[str]) -> AttributeSelection:
    """Find `names`, and the identity, among Graph's properties."""
    found, unavailable = [], []
    for name in dict.fromkeys((*IDENTITY, *sorted(names))):
        attribute = GRAPH_ATTRIBUTES.get(name)
        if attribute is None and is_directory_extension(name):
            attribute = GraphAttribute(name, name, Form.ANY)
        if attribute is not None:
            found.append(attribute)
        else:
            unavailable.append(UnavailableAttribute(name, _explain(name)))
    return AttributeSelection(tuple(found), tuple(unavailable))


def _explain(name: str) -> str:
    if name in _SINGLE:
        return "Microsoft Graph gives it for one user at a time only"
    if name.casefold().startswith("customsecurityattribute"):
        return "custom security attributes are not imported"
    if name in ENTRA_ATTRIBUTES:
        return "Microsoft Graph does not list it"
    known = {each.casefold(): each for each in (*ENTRA_ATTRIBUTES, *GRAPH_ATTRIBUTES)}
    near = difflib.get_close_matches(name.casefold(), known, 1, _CUTOFF)
    if near:
        return f"Microsoft Graph has no such attribute: is {known[near[0]]} meant?"
    if _SCHEMA_EXTENSION.fullmatch(name):
        return "schema extensions and open extensions are not imported"
    return "users of Microsoft Entra ID have no such attribute"


# --- values ---------------------------------------------------------------------

_GUEST = "#EXT#"


class UnusableValueError(ValueError):
    """A property has a value of a wrong kind or size. The message follows the name of the user."""


def flatten_row(row: Mapping[str, Any], selection: AttributeSelection) -> dict[str, SourceValue]:
    """Return the assigned attributes of a user as Graph lists it; null, "" and [] are unassigned.

    Raises `UnusableValueError` for a value of a wrong kind: it says nothing about the user.
    """
    values: dict[str, SourceValue] = {}
    for attribute in selection.attributes:
        value = _read_value(row.get(attribute.selected), attribute)
        if value is not None:
            values[attribute.name] = value
    name = values.get("userPrincipalName")
    if isinstance(name, str) and _GUEST in name:
        values["userPrincipalName"] = strip_guest_name(name)
    return values


def strip_guest_name(name: str) -> str:
    """Return a guest's own address, as Entra's service sends it: ada_fabrikam.com#EXT#@contoso.com -> ada@fabrikam.com.

    A name that is not of this form stays. `originalUserPrincipalName` keeps the whole.
    """
    alias, mark, _tenant = name.partition(_GUEST)
    local, separator, domain = alias.rpartition("_")
    return f"{local}@{domain}" if mark and separator and local and "." in domain else name


def _read_value(value: Any, attribute: GraphAttribute) -> SourceValue | None:
    if value is None:
        return None
    if attribute.part:
        return _read_text(value.get(attribute.part), attribute) if isinstance(value, dict) else _refuse(attribute)
    if attribute.form is Form.REFERENCE:
        return _read_text(value.get("id"), attribute) if isinstance(value, dict) else _refuse(attribute)
    if attribute.form is Form.FLAG:
        return value if isinstance(value, bool) else _refuse(attribute)
    if attribute.form is Form.TEXT or (attribute.form is Form.ANY and not isinstance(value, list)):
        return _read_text(value, attribute)
    values = _read_list(value, attribute)
    return next(iter(values), None) if attribute.form is Form.FIRST else values or None


def _read_list(value: Any, attribute: GraphAttribute) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_VALUES:
        _refuse(attribute)
    texts = (_read_text(each, attribute) for each in value)
    return tuple(each for each in texts if each)


def _read_text(value: Any, attribute: GraphAttribute) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and attribute.form is Form.ANY:
        value = str(value) if abs(value) <= LARGEST_NUMBER else None
    if not isinstance(value, str) or len(value) > LONGEST_VALUE:
        _refuse(attribute)
    return value or None


def _refuse(attribute: GraphAttribute) -> NoReturn:
    raise UnusableValueError(f"{attribute.selected} is not {attribute.form.value}, or is too long")
