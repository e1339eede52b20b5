"""Compile mapping templates: a small subset of Jinja2, in its immutable sandbox.

The sandbox keeps a template from Python's internals, but limits neither memory (`'a' * 10**9`) nor time (nested
loops). So every node of the parsed template is checked against a list: no loops, calls, arithmetic or attribute access,
and only filters with a limited output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from reconciler.expressions.value_types import MappingTemplateError, quote_value

MAX_SOURCE = 10_000
MAX_OUTPUT = 10_000
_MAX_NODES = 500
_LONGEST = 300
"""Characters of a filter's error message at most."""

_FILTERS = frozenset(
    """trim lower upper title capitalize replace default d truncate first last length join string reverse
    wordcount""".split()
)
_TESTS = frozenset(["defined", "undefined", "none", "string", "boolean", "eq", "equalto", "ne", "in", "lower", "upper"])
_RESERVED = frozenset({"self", "super", "loop", "caller", "varargs", "kwargs"})
"""Names with a meaning in Jinja2."""

_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Filter,
    nodes.Test,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.If,
    nodes.Getitem,
    nodes.Slice,
    nodes.Keyword,
    nodes.Neg,
)


class _UnassignedError(Exception):
    """The template needs an attribute that the user does not have."""


class _Unassigned(StrictUndefined):
    """A missing attribute: except in `default` and `is defined`, the template then has no value."""

    def _fail_with_undefined_error(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise _UnassignedError(self._undefined_name or "")

    __iter__ = __str__ = __len__ = _fail_with_undefined_error
    __eq__ = __ne__ = __bool__ = __hash__ = __contains__ = _fail_with_undefined_error
    __add__ = __radd__ = __getitem__ = __getattr__ = _fail_with_undefined_error


def _limit_output(name: str, apply: Callable[..., Any]) -> Callable[..., Any]:
    def limited(*args: Any, **kwargs: Any) -> Any:
        result = apply(*args, **kwargs)
        if isinstance(result, str) and len(result) > MAX_OUTPUT:
            raise MappingTemplateError(f"the filter {name} gives more than {MAX_OUTPUT:,} characters")
        return result

    # Jinja2 marks filters that need its context by attributes of the function.
    limited.__dict__.update(getattr(apply, "__dict__", {}))
    return limited


def _check_size(size: int) -> None:
    if size > MAX_OUTPUT:
        raise MappingTemplateError(f"the result has more than {MAX_OUTPUT:,} characters")


def _replace(text: Any, old: Any, new: Any) -> str:
    """Replace, after computing the length of the result: an empty or short `old` can multiply the text."""
    source, find, put = str(text), str(old), str(new)
    if len(source) + source.count(find) * (len(put) - len(find)) > MAX_OUTPUT:
        raise MappingTemplateError(f"the filter replace gives more than {MAX_OUTPUT:,} characters")
    return source.replace(find, put)


def _join(values: Any, between: str = "") -> str:
    """Join, without the `attribute` argument, which accesses objects."""
    parts = [str(value) for value in values]
    if sum(map(len, parts)) + (len(parts) - 1) * len(str(between)) > MAX_OUTPUT:
        raise MappingTemplateError(f"the filter join gives more than {MAX_OUTPUT:,} characters")
    return str(between).join(parts)


def _reject_several(value: Any) -> Any:
    if isinstance(value, tuple | list):
        raise MappingTemplateError("an attribute with several values: choose one with first, last or join")
    return value


def _build_environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=_Unassigned, autoescape=False, cache_size=0, finalize=_reject_several
    )
    environment.globals.clear()
    environment.filters = {name: _limit_output(name, environment.filters[name]) for name in _FILTERS}
    environment.filters["replace"] = _replace
    environment.filters["join"] = _join
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


_ENVIRONMENT = _build_environment()
_FILTER_ERRORS = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, AssertionError)
"""What filters raise for invalid values."""


def parse_template(source: str) -> nodes.Template:
    """Parse a template without checking its nodes. Raises `MappingTemplateError`."""
    if len(source) > MAX_SOURCE:
        raise MappingTemplateError(f"longer than {MAX_SOURCE:,} characters")
    try:
        return _ENVIRONMENT.parse(source)
    except (TemplateError, RecursionError, SyntaxError, MemoryError) as exc:
        raise MappingTemplateError(str(exc), getattr(exc, "lineno", None) or 1) from exc


def compile_template(source: str) -> tuple[Callable[[Mapping[str, Any]], str | None], tuple[str, ...]]:
    """Compile a template to its rule and the names that it reads. Raises `MappingTemplateError`.

    The rule returns None if the template uses an unassigned attribute without `default` or `is defined`, so that
    "{{ givenName }}.{{ surname }}" never gives half an address. It raises `MappingTemplateError` for a user.
    """
    tree = parse_template(source)
    names = _check(tree)
    try:
        template = _ENVIRONMENT.from_string(tree)
    except (TemplateError, RecursionError, SyntaxError, MemoryError) as exc:
        raise MappingTemplateError(str(exc), getattr(exc, "lineno", None) or 1) from exc
    render = template.root_render_func

    def rule(attributes: Mapping[str, Any]) -> str | None:
        try:
            parts: list[str] = []
            size = 0
            # `shared`: the attributes are not copied into the template's scope.
            for part in render(template.new_context(dict(attributes), shared=True)):
                size += len(part)
                _check_size(size)
                parts.append(part)
        except _UnassignedError:
            return None
        except MappingTemplateError:
            raise
        except _FILTER_ERRORS as exc:
            # The message of a filter may contain its input.
            raise MappingTemplateError(quote_value(str(exc), _LONGEST)) from exc
        return "".join(parts)

    return rule, names


def _check(tree: nodes.Template) -> tuple[str, ...]:
    """Return the attribute names that the template reads. Raises `MappingTemplateError` for a node not on the list."""
    names: dict[str, None] = {}
    waiting: list[nodes.Node] = [tree]
    count = 0
    while waiting:
        node = waiting.pop()
        count += 1
        if count > _MAX_NODES:
            raise MappingTemplateError("too complicated", node.lineno)
        if not isinstance(node, _NODES):
            raise MappingTemplateError(f"{_describe_node(node)} cannot be used in a mapping", node.lineno)
        _check_names(node)
        if isinstance(node, nodes.Name):
            if node.name in _RESERVED:
                raise MappingTemplateError(f"{node.name} is not an attribute", node.lineno)
            names[node.name] = None
        waiting.extend(node.iter_child_nodes())
    return tuple(names)


def _check_names(node: nodes.Node) -> None:
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        raise MappingTemplateError(
            f"there is no filter {node.name}; there are {', '.join(sorted(_FILTERS))}", node.lineno
        )
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise MappingTemplateError(f"there is no test {node.name}; there are {', '.join(sorted(_TESTS))}", node.lineno)
    if isinstance(node, nodes.Getitem) and not _is_index(node.arg):
        raise MappingTemplateError("only a position such as [0] or [:3] can be taken", node.lineno)


def _is_index(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Slice):
        return all(part is None or _is_index(part) for part in (node.start, node.stop, node.step))
    if isinstance(node, nodes.Neg):
        return _is_index(node.node)
    return isinstance(node, nodes.Const) and isinstance(node.value, int)


def _describe_node(node: nodes.Node) -> str:
    kinds: dict[type[nodes.Node], str] = {
        nodes.Getattr: "attribute access with a dot",
        nodes.Call: "a call",
        nodes.For: "a loop",
        nodes.Assign: "an assignment",
        nodes.Mul: "multiplication",
    }
    return kinds.get(type(node), type(node).__name__)
