"""Run regular expressions of .NET with RE2, in linear time for every pattern; `dotnet_regex` translates them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import re2  # type: ignore[import-untyped] # without stubs

from reconciler.expressions.dotnet_regex import RegexTranslation, translate
from reconciler.expressions.value_types import EvaluationError, quote_value

MAX_WORK = 400_000_000
"""Steps of RE2 for one text at most, about half a second: one search is linear in the text, but many matches that each
scan the rest of it are not."""

_SUBSTITUTION = re.compile(r"\$(?:\{(\w{1,60})\}|([0-9]{1,5})|(.))", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Match:
    """One match: its span and those of all groups, by RE2's number; (-1, -1) for a group without a match."""

    start: int
    end: int
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A compiled pattern. `groups` maps .NET's names and numbers of groups to RE2's numbers."""

    source: str
    groups: dict[str, int]
    boundary: bool
    engine: Any

    def matches(self, text: str) -> Iterator[Match]:
        """Yield the matches in `text` from left to right, empty ones too. Raises `EvaluationError`."""
        if self.boundary and not text.isascii():
            raise _boundary_error(self.source, text)
        work = 0
        try:
            for match in self.engine.finditer(text):
                work += self.engine.programsize * (len(text) - match.start())
                if work > MAX_WORK:
                    raise _too_long_error(self.source, text)
                spans = tuple(match.span(number) for number in range(self.engine.groups + 1))
                yield Match(spans[0][0], spans[0][1], spans)
        except UnicodeEncodeError as exc:
            raise EvaluationError(f"{quote_value(text)} is not text") from exc

    def group(self, name: str) -> int:
        """Return RE2's number of a group. Raises `EvaluationError` if the pattern has no such group."""
        number = self.groups.get(name)
        if number is None:
            known = ", ".join(map(quote_value, self.groups)) or "none"
            raise EvaluationError(f"the regular expression has no group {quote_value(name)}; its groups: {known}")
        return number


@functools.lru_cache(128)
def compile_pattern(source: str) -> Pattern:
    """Compile a pattern. Raises `EvaluationError` if it is invalid or not supported."""
    translation = translate(source)
    engine = _compile_engine(source, translation, re2.Options())
    return Pattern(source, _number_groups(translation.names), translation.boundary, engine)


def compile_full_match(source: str, *, ignore_case: bool = False) -> Callable[[str], bool]:
    """Compile a test whether a text matches `source` completely. Both raise `EvaluationError`."""
    translation = translate(source)
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.never_capture = True
    engine = _compile_engine(source, translation, options)
    longest = MAX_WORK // engine.programsize

    def matches(text: str) -> bool:
        if translation.boundary and not text.isascii():
            raise _boundary_error(source, text)
        if len(text) > longest:
            raise _too_long_error(source, text)
        try:
            # As bytes: for text the wrapper counts characters, which takes longer than the match.
            return engine.fullmatch(text.encode()) is not None
        except UnicodeEncodeError as exc:
            raise EvaluationError(f"{quote_value(text)} is not text") from exc

    return matches


def _compile_engine(source: str, translation: RegexTranslation, options: Any) -> Any:
    options.log_errors = False
    try:
        return re2.compile("".join(translation.out), options)
    except (re2.error, UnicodeEncodeError) as exc:
        raise EvaluationError(
            f"{quote_value(source)} is not a regular expression: {quote_value(_read_re2_message(exc))}"
        ) from exc


def _boundary_error(source: str, text: str) -> EvaluationError:
    # RE2 only knows ASCII words: a boundary next to an é would be wrong.
    return EvaluationError(f"\\b in {quote_value(source)} cannot be used on {quote_value(text)}: it is not ASCII")


def _too_long_error(source: str, text: str) -> EvaluationError:
    return EvaluationError(f"{quote_value(source)} takes too long on a text of {len(text):,} characters")


def _read_re2_message(exc: Exception) -> str:
    reason = exc.args[0] if exc.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else "it is not text"


def _number_groups(names: list[str | None]) -> dict[str, int]:
    """Number the groups as .NET does: those without names first."""
    order = [at for at, name in enumerate(names) if name is None]
    order += [at for at, name in enumerate(names) if name is not None]
    groups = {"0": 0} | {str(number): at + 1 for number, at in enumerate(order, 1)}
    return groups | {name: at + 1 for at, name in enumerate(names) if name is not None}


@functools.lru_cache(128)
def parse_substitution(text: str, pattern: Pattern) -> tuple[str | int, ...]:
    """Parse a .NET replacement (`$1`, `${name}`, `$&`, `$$`) into literals and RE2's group numbers.

    .NET keeps a reference to an unknown group as text; here it raises `EvaluationError`, because it is an error.
    """
    parts: list[str | int] = []
    end = 0
    for match in _SUBSTITUTION.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        name, number, other = match.groups()
        if name or number:
            parts.append(pattern.group((name or number).lstrip("0") or "0"))
        elif other in ("$", "&"):
            parts.append("$" if other == "$" else 0)
        elif other in "`'+_":
            raise EvaluationError(f"${other} in a replacement is not supported")
        else:
            parts.append(match[0])
    parts.append(text[end:])
    return tuple(part for part in parts if part != "")
