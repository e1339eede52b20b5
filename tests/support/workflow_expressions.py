"""Expressions of workflows and actions: `${{ … }}` in texts, and conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_WORD = re.compile(r"'[^']*'|[A-Za-z_][\w.-]*(?=\()|[A-Za-z_][\w.-]*")


class Expressions:
    """Evaluates with the contexts in `values`; files are those of `work`."""

    values: dict[str, Any]
    work: Path

    def text(self, template: str) -> str:
        def value(found: re.Match[str]) -> str:
            answer = self.evaluate(found[1])
            return str(answer).lower() if isinstance(answer, bool) else str(answer or "")

        return _EXPRESSION.sub(value, template)

    def texts(self, templates: Mapping[str, Any]) -> dict[str, str]:
        return {key: self.text(str(value)) for key, value in templates.items()}

    def truth(self, condition: str) -> bool:
        found = _EXPRESSION.fullmatch(condition.strip())
        return bool(self.evaluate(found[1] if found else condition))

    def evaluate(self, expression: str) -> Any:
        """Evaluate an expression by Python's operators, which agree with GitHub's for those used here."""
        python = expression.strip().replace("&&", " and ").replace("||", " or ")
        python = re.sub(r"!(?!=)", " not ", python)
        python = _WORD.sub(self._python, python)
        functions = {
            "look": self._look,
            "always": lambda: True,
            "cancelled": lambda: False,
            "hashFiles": lambda pattern: "hash" if any(self.work.glob(pattern)) else "",
        }
        return eval(python, {"__builtins__": {}}, functions)  # noqa: S307 - the project's own workflows

    @staticmethod
    def _python(found: re.Match[str]) -> str:
        word = found[0]
        if word[0] == "'" or word in ("and", "or", "not", "always", "cancelled", "hashFiles"):
            return word
        return word.capitalize() if word in ("true", "false") else f"look({word!r})"

    def _look(self, path: str) -> Any:
        """Return what a context has; what is not there equals an empty string."""
        found: Any = self.values
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return "" if found is None else found
