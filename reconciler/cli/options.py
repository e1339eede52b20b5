"""Options that commands share, each declared once.

A command takes a group of options as one parameter, typed with the group's dataclass. `command` replaces that
parameter by one option per field, in place, because Typer reads options from the signature.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from reconciler.cli import lazy
from reconciler.cli.completion import complete_from, complete_users

if TYPE_CHECKING:
    from reconciler.render.formats import OutputOptions
    from reconciler.session.terminal import Terminal
    from reconciler.session.workspace import Workspace

_PLANS = Path("plans")
TERMINAL = ("redact", "no_color", "quiet", "verbose")

UserKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--user",
        metavar="KEY",
        autocompletion=complete_users,
        help="Only this user, by userPrincipalName, userName, externalId or id.",
    ),
]
Incremental = Annotated[
    bool,
    typer.Option(
        "--incremental",
        help="Look only at users that may differ since the last complete apply; at all users when in doubt.",
    ),
]
Summary = Annotated[bool, typer.Option("--summary", help="Print one line per user.")]
LogFile = Annotated[
    Path | None,
    typer.Option("--log", metavar="FILE", help="Append a JSON line per user, as Entra's provisioning log has it."),
]
MetricsFile = Annotated[
    Path | None,
    typer.Option("--metrics", metavar="FILE", help="Write metrics of this run there, in Prometheus' text format."),
]
PlanFile = Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Save the plan, to apply it.")]


def format_option(*formats: str) -> Any:
    """Return the declaration of `--format` with these formats."""
    return typer.Option(
        "--format", metavar="|".join(formats), autocompletion=complete_from(*formats), help="Output format."
    )


PlanFormat = Annotated[str, format_option("text", "markdown", "html", "json")]
DataFormat = Annotated[str, format_option("text", "json")]
Limit = Annotated[
    str | None,
    typer.Option(
        "--limit",
        metavar="comment|summary",
        autocompletion=complete_from("comment", "summary"),
        help="Markdown: the place it has to fit in; default: comment.",
    ),
]
WholePlanAt = Annotated[
    str | None,
    typer.Option("--whole-plan-at", metavar="TEXT", help="Markdown and HTML: where the whole plan is, a URL or name."),
]
Template = Annotated[
    Path | None,
    typer.Option("--template", metavar="DIR", help="Markdown and HTML: templates that override the built-in ones."),
]


class Only:
    """Metadata of a group parameter: the fields that the command takes. The others keep their defaults."""

    def __init__(self, *names: str) -> None:
        self.names = names


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """Options that most commands share, in the order in which `--help` lists them."""

    state: Annotated[Path, typer.Option("--state", metavar="DIR", help="Directory of the desired state.")] = Path(
        "desired-state"
    )
    plans: Annotated[Path, typer.Option("--plans", metavar="DIR", help="Directory of plans and receipts.")] = _PLANS
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Use the embedded service instead of the target in settings.yaml.")
    ] = False
    now: Annotated[
        str | None, typer.Option("--now", metavar="DATE", help="Plan as if it were this date or time (UTC).")
    ] = None
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Parse all files of users, and cache nothing.")] = False
    redact: Annotated[bool, typer.Option("--redact", help="Redact names and values of users.")] = False
    no_color: Annotated[bool, typer.Option("--no-color", help="Disable colors; NO_COLOR does the same.")] = False
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only the result and errors.")] = False
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print more details.")] = False

    def workspace(self) -> Workspace:
        """Return directories, clock and target. Raises `UsageError` if --now is not a date."""
        plans = lazy.find_plans(self.state, self.plans, _PLANS)
        return lazy.Workspace(self.state, plans, self.sandbox, lazy.parse_now(self.now), no_cache=self.no_cache)

    def terminal(self) -> Terminal:
        """Return the terminal that the command writes to."""
        return lazy.Terminal(no_color=self.no_color, redact=self.redact, quiet=self.quiet, verbose=self.verbose)


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Files about a run, in addition to its result."""

    log: LogFile = None
    metrics: MetricsFile = None


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """How a plan is written."""

    format: PlanFormat = "text"
    limit: Limit = None
    whole_plan_at: WholePlanAt = None
    template: Template = None

    def output(self, *, summary: bool) -> OutputOptions:
        """Return the options of the renderer; `summary`: one line per user."""
        return lazy.OutputOptions(self.format, summary, self.limit, self.whole_plan_at, self.template)


_Command = TypeVar("_Command", bound=Callable[..., int])


def command(app: typer.Typer, name: str | None = None) -> Callable[[_Command], _Command]:
    """Register a function as a command of `app`; `name` None: the function's own."""

    def register(function: _Command) -> _Command:
        app.command(name)(expand_groups(function))
        return function

    return register


def group_command(app: typer.Typer) -> Callable[[_Command], _Command]:
    """Register a function as what the group `app` does without a command."""

    def register(function: _Command) -> _Command:
        app.callback(invoke_without_command=True)(expand_groups(function))
        return function

    return register


def expand_groups(function: Callable[..., int]) -> Callable[..., int]:
    """Return `function` with one keyword parameter for each field of its parameters that are option groups."""
    groups: dict[str, tuple[type, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        group, *metadata = get_args(hint) or (hint,)
        if is_dataclass(group) and isinstance(group, type):
            members = list(_members(group, metadata))
            groups[parameter.name] = group, [member.name for member in members]
            parameters += members
        else:
            parameters.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(function)
    def expanded(**values: Any) -> int:
        built = {
            name: group(**{member: values.pop(member) for member in members})
            for name, (group, members) in groups.items()
        }
        return function(**values, **built)

    # Typer reads both.
    expanded.__annotations__ = {each.name: each.annotation for each in parameters}
    vars(expanded)["__signature__"] = inspect.Signature(parameters)
    return expanded


def _members(group: type, metadata: list[Any]) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    only = next((each.names for each in metadata if isinstance(each, Only)), None)
    for each in fields(group):
        if only is None or each.name in only:
            yield inspect.Parameter(
                each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
            )
