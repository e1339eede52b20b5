"""Models of an exported `synchronizationSchema`, as Microsoft Graph documents it.

Keys are accepted in camel case, and capitalised as PowerShell writes them; null is the same as absent. Keys without a
field are kept as extras, so that the report can name them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from reconciler.core.text import escape_control, pluralize, quote, shorten
from reconciler.errors import SchemaError

MAX_BYTES = 64 * 1024 * 1024
_HALF = re.compile(r"[\ud800-\udfff]")
_MAX_PARTS = 500
"""Rules or mappings in one list: Entra's own schemas have tens."""
_MAX_CONDITIONS = 100
"""Filter groups, and clauses in each."""
_HINT = "Export the schema again: portal, Provisioning, Edit attribute mappings, Review your schema here."


def _to_text(value: Any) -> Any:
    """Return text: Entra writes strings only, but editors turn "True" and "1" into `true` and `1`."""
    if isinstance(value, str) and _HALF.search(value):
        raise PydanticCustomError("half_character", "half of a surrogate pair, which is not text")
    if isinstance(value, bool):
        return str(value)
    return str(value) if isinstance(value, int) else value


def _drop_nulls(value: Any) -> Any:
    return [each for each in value if each is not None] if isinstance(value, list) else value


def _split_flow_types(value: Any) -> Any:
    """Split `Add, Update, Delete`, with or without spaces; a list stays."""
    return [part for part in map(str.strip, value.split(",")) if part] if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_to_text)]


class _SchemaModel(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel)


class SchemaMetadata(_SchemaModel):
    """A `metadataEntry`."""

    key: Text = ""
    value: Any = None


class SchemaOperand(_SchemaModel):
    """The value that a clause compares with."""

    values: Annotated[list[Text], BeforeValidator(_drop_nulls)] = []


class SchemaClause(_SchemaModel):
    """A `filterClause`."""

    operator_name: Text
    source_operand_name: Text
    target_operand: SchemaOperand = SchemaOperand()


class SchemaFilterGroup(_SchemaModel):
    """A `filterGroup`: all of its clauses must be true."""

    name: Text = ""
    clauses: Annotated[list[SchemaClause], Field(max_length=_MAX_CONDITIONS)] = []


SchemaFilterGroups = Annotated[list[SchemaFilterGroup], Field(max_length=_MAX_CONDITIONS)]


class SchemaFilter(_SchemaModel):
    """A `filter`: a user passes if one group of `groups` is true."""

    groups: SchemaFilterGroups = []
    input_filter_groups: SchemaFilterGroups = []
    category_filter_groups: SchemaFilterGroups = []


class SchemaSource(_SchemaModel):
    """An `attributeMappingSource`; `parameters` is `expression` as a tree."""

    expression: Text = ""
    name: Text = ""
    type: Text = ""
    parameters: Any = None


class SchemaAttributeMapping(_SchemaModel):
    """An `attributeMapping`."""

    target_attribute_name: Text
    source: SchemaSource | None = None
    default_value: Text | None = None
    flow_type: Text = "Always"
    flow_behavior: Text = "FlowWhenChanged"
    matching_priority: int = 0
    export_missing_references: bool = False


class ObjectMapping(_SchemaModel):
    """An `objectMapping` between two types of objects."""

    name: Text = ""
    enabled: bool = True
    flow_types: Annotated[list[Text], BeforeValidator(_split_flow_types)] = ["Add", "Update", "Delete"]
    source_object_name: Text = ""
    target_object_name: Text
    scope: SchemaFilter = SchemaFilter()
    attribute_mappings: Annotated[list[SchemaAttributeMapping], Field(max_length=_MAX_PARTS)] = []
    metadata: list[SchemaMetadata] = []


class SchemaRule(_SchemaModel):
    """A `synchronizationRule`. The two filters of objects exist for Active Directory only."""

    id: Text = ""
    name: Text = ""
    priority: int = 0
    editable: bool = True
    source_directory_name: Text = ""
    target_directory_name: Text = ""
    object_mappings: Annotated[list[ObjectMapping], Field(max_length=_MAX_PARTS)] = []
    metadata: list[SchemaMetadata] = []
    container_filter: Any = None
    group_filter: Any = None


class AttributeDefinition(_SchemaModel):
    """An `attributeDefinition`, with the fields that matter here."""

    name: Text
    type: Text = "String"
    required: bool = False
    case_exact: bool = False
    anchor: bool = False
    multivalued: bool = False
    mutability: Text = "ReadWrite"
    default_value: Text | None = None
    flow_null_values: bool = False
    referenced_objects: list[Any] = []
    api_expressions: list[Any] = []
    metadata: list[SchemaMetadata] = []


class ObjectDefinition(_SchemaModel):
    """An `objectDefinition`."""

    name: Text
    attributes: list[AttributeDefinition] = []
    metadata: list[SchemaMetadata] = []
    supported_apis: list[Any] = []


class SchemaDirectory(_SchemaModel):
    """A `directoryDefinition`."""

    name: Text
    id: Text = ""
    version: Text = ""
    read_only: bool = False
    objects: list[ObjectDefinition] = []
    discoverabilities: Any = None
    discovery_date_time: Any = None
    metadata: list[SchemaMetadata] = []


class SynchronizationSchema(_SchemaModel):
    """A `synchronizationSchema`."""

    id: Text = ""
    version: Text = ""
    synchronization_rules: Annotated[list[SchemaRule], Field(max_length=_MAX_PARTS)]
    directories: list[SchemaDirectory] = []

    def find_attributes(self, directory: str, kind: str) -> dict[str, AttributeDefinition]:
        """Return the attributes of objects of `kind` in `directory`, by case-folded name."""
        return {
            attribute.name.casefold(): attribute
            for found in self.directories
            if found.name.casefold() == directory.casefold()
            for each in found.objects
            if each.name.casefold() == kind.casefold()
            for attribute in each.attributes
        }


def read_schema(content: bytes) -> SynchronizationSchema:
    """Read the schema in `content`. Raises `SchemaError` with the path of the error."""
    if len(content) > MAX_BYTES:
        raise SchemaError(f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB", "An exported schema is smaller.")
    try:
        found = json.loads(_decode(content), object_pairs_hook=_build_object, parse_constant=_reject_constant)
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}"
        raise SchemaError(f"the file is not JSON: {exc.msg} ({where})", _HINT) from exc
    except RecursionError as exc:
        raise SchemaError("the file nests too deeply", _HINT) from exc
    except ValueError as exc:
        raise SchemaError(f"the file is not JSON: {shorten(str(exc))}", _HINT) from exc
    if not isinstance(found, dict) or "synchronizationRules" not in found:
        raise SchemaError("the file is not a synchronization schema: it has no synchronizationRules", _HINT)
    try:
        return SynchronizationSchema.model_validate(found)
    except ValidationError as exc:
        raise _build_error(exc.errors(include_url=False)) from exc


def _decode(content: bytes) -> str:
    # PowerShell writes UTF-16 when it redirects to a file.
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as exc:
        raise SchemaError(f"the file is not {encoding.upper()[:6].rstrip('-')} text", "Save it as UTF-8.") from exc


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = key[:1].lower() + key[1:]
        if name in found:
            raise SchemaError(f"key {quote(shorten(key, 80))} is used twice in one object", "Keep one of them.")
        found[name] = value
    return {key: value for key, value in found.items() if value is not None}


def _reject_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def _build_error(errors: list[ErrorDetails]) -> SchemaError:
    first = errors[0]
    where = format_json_path(first["loc"]) or "the document"
    if first["type"] == "missing":
        message = f"{where} is missing"
    elif first["type"] == "too_long":
        message = f"{where} has more than {first['ctx']['max_length']} entries"
    else:
        message = f"{where}: {_EXPECTED.get(first['type'], first['msg'][0].lower() + first['msg'][1:])}"
    others = f"{pluralize(len(errors) - 1, 'further error')}. " if len(errors) > 1 else ""
    return SchemaError(f"the schema is invalid: {escape_control(message)}", others + _HINT)


_EXPECTED = {
    "string_type": "expected text",
    "list_type": "expected a list",
    "model_type": "expected an object",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
}


def format_json_path(location: tuple[int | str, ...]) -> str:
    """Format `("synchronizationRules", 0, "objectMappings", 1)` as `synchronizationRules[0].objectMappings[1]`."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def list_unknown_keys(part: BaseModel, location: tuple[int | str, ...] = ()) -> Iterator[str]:
    """Yield the paths of all keys without a field, except OData's annotations."""
    for key in part.model_extra or ():
        if not key.startswith("@odata") and "@odata." not in key:
            yield format_json_path((*location, key))
    for name, field in type(part).model_fields.items():
        value, key = getattr(part, name), field.alias or name
        if isinstance(value, BaseModel):
            yield from list_unknown_keys(value, (*location, key))
        elif isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, BaseModel):
                    yield from list_unknown_keys(each, (*location, key, index))
