"""docs/reference/mapping-functions.md: the functions of expressions, with examples that are evaluated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from reconciler.desired.mapping_rules import format_outcome
from reconciler.expressions.functions.dates import DATES
from reconciler.expressions.functions.logic import LOGIC
from reconciler.expressions.functions.registry import OTHER_NAMES, UNDESCRIBED
from reconciler.expressions.functions.replace import REPLACE
from reconciler.expressions.functions.text import TEXT
from reconciler.expressions.functions.values import VALUES
from reconciler.expressions.language import Context, EvaluationError, compile_expression
from reconciler.expressions.signature import Function, Parameter
from support.reference.function_texts import TEXTS, Attributes
from support.reference.markdown import code, page, table, wrap

GROUPS: Mapping[str, tuple[Function, ...]] = {
    "Conditions": LOGIC,
    "Text": (*TEXT, *REPLACE),
    "Values": VALUES,
    "Dates": DATES,
}
INTRODUCTION = """\
The functions of `expression` in [`mappings.yaml`](settings.md#mappingsyaml), with Microsoft Entra's names and rules.
`[givenName]` is an attribute of the user, `"x"` a text. Arguments in `[…]` can be omitted; `…` may be repeated. Where
Microsoft's documentation leaves something open, [mappings and filters of Microsoft Entra](../entra-schema.md) says what
was decided. Try one with `reconciler eval`:

```sh
reconciler eval 'Join(" ", [givenName], [surname])' --attributes '{"givenName": "Ada", "surname": "Lovelace"}' --explain
```

The results below were computed when this page was generated: `make reference`."""
RANDOM = {"Guid", "RandomString"}
"""Their results are other ones each time."""
CONTEXT = Context(datetime(2026, 1, 1, tzinfo=UTC), lambda _value: False, lambda _below: 0, creating=True)


def render_functions() -> str:
    """Return the page."""
    return page(
        "# Mapping functions",
        INTRODUCTION,
        *(
            part
            for title, functions in GROUPS.items()
            for part in (f"## {title}", *(part for each in functions for part in render_function(each)))
        ),
        "## Names that are not supported",
        wrap(
            f"{', '.join(map(code, sorted(UNDESCRIBED)))}: Microsoft's documents name them and do not describe them."
            " Functions of Visual Basic and of Entra Connect have other names here:"
        ),
        table(("elsewhere", "here"), [(code(old), code(new)) for old, new in OTHER_NAMES.items()]),
    )


def render_function(function: Function) -> list[str]:
    """Return the section of a function."""
    text, examples = TEXTS[function.name]
    known = function.name not in RANDOM
    rows = [(code(s), written(given), evaluate(s, given) if known else "*random*") for s, given in examples]
    return [
        f"### {function.name}",
        code(signature(function)),
        wrap(text),
        table(("expression", "attributes", "result"), rows) if rows else "",
    ]


def signature(function: Function) -> str:
    """Return how a function is called: `Mid(source, start, [length])`."""
    names = [named(each) for each in function.parameters]
    return f"{function.name}({', '.join([*names, *(['…'] if function.repeating else [])])})"


def named(parameter: Parameter) -> str:
    """Return the name of a parameter as a signature has it."""
    return parameter.name if parameter.required else f"[{parameter.name}]"


def written(given: Attributes) -> str:
    """Return the attributes of an example as `reconciler eval --attributes` takes them; "" without any."""
    return code(json.dumps(given, ensure_ascii=False)) if given else ""


def evaluate(source: str, given: Attributes) -> str:
    """Return the value of an expression, as `reconciler eval` prints it."""
    attributes = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    try:
        return code(format_outcome(compile_expression(source).evaluate(attributes, CONTEXT)))  # type: ignore[arg-type]
    except EvaluationError as exc:
        return f"error: {exc}"
