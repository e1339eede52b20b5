"""The functions of the language, by name: Entra's reference, and those that its other documents describe."""

from __future__ import annotations

from reconciler.expressions.functions.dates import DATES
from reconciler.expressions.functions.logic import LOGIC
from reconciler.expressions.functions.replace import REPLACE
from reconciler.expressions.functions.text import TEXT
from reconciler.expressions.functions.values import VALUES
from reconciler.expressions.signature import Function

FUNCTIONS: dict[str, Function] = {each.name: each for each in (*LOGIC, *TEXT, *REPLACE, *VALUES, *DATES)}
UNDESCRIBED = frozenset({"DefaultDomain", "CRef"})
"""Functions that Entra's documents name but don't describe."""
OTHER_NAMES = {
    "LCase": "ToLower",
    "UCase": "ToUpper",
    "LTrim": "Trim",
    "RTrim": "Trim",
    "Right": "Mid",
    "Contains": "InStr",
}
"""Functions of Visual Basic and of Entra Connect's sync rules, and the ones of this language for the same purpose."""
