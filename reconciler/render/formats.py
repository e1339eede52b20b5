"""The output formats of a plan: text, Markdown, HTML and JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.plan import Plan
from reconciler.core.profile import TargetProfile
from reconciler.core.text import quote
from reconciler.errors import UsageError
from reconciler.record.plan_file import to_json
from reconciler.render.style import HIDDEN, Style, hide_words
from reconciler.render.text import render_text

FORMATS = ("text", "markdown", "html", "json")
DATA = ("text", "json")
_LIMITS = ("comment", "summary")


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """The options of a plan's output. `limit` is for Markdown, `whole_plan_at` and `template` for Markdown and HTML."""

    format: str = "text"
    summary: bool = False
    limit: str | None = None
    whole_plan_at: str | None = None
    template: Path | None = None

    def check(self) -> None:
        """Check the options. Raises `UsageError` if one does not exist or does not apply to the format."""
        check_format(self.format, FORMATS)
        if self.limit is not None and self.limit not in _LIMITS:
            raise UsageError(f"--limit {quote(self.limit)} does not exist", f"There are {' and '.join(_LIMITS)}.")
        if self.limit is not None and self.format != "markdown":
            raise UsageError("--limit is for --format markdown")
        if self.format in DATA and (self.whole_plan_at is not None or self.template is not None):
            raise UsageError("--whole-plan-at and --template are for --format markdown and html")


def check_format(name: str, formats: tuple[str, ...]) -> None:
    """Check the name of a format. Raises `UsageError` if `formats` does not have it."""
    if name not in formats:
        raise UsageError(f"--format {name} does not exist", f"There are {', '.join(formats[:-1])} and {formats[-1]}.")


def render_plan(plan: Plan, profile: TargetProfile, output: OutputOptions, style: Style) -> str:
    """Render the plan in the requested format.

    Raises `UsageError` if the format cannot be redacted or a template does not work.
    """
    plan = _hide_base(plan) if style.redact else plan
    if output.format == "text":
        return render_text(plan, profile, style, summary_only=output.summary)
    if output.format == "json":
        if style.redact:
            raise UsageError("--redact cannot be combined with --format json", "Use --format text.")
        return to_json(plan)
    # Jinja2 takes 50 ms to import.
    from reconciler.render.html import render_html  # noqa: PLC0415
    from reconciler.render.markdown import LIMITS, render_markdown  # noqa: PLC0415
    from reconciler.render.templating import Templates  # noqa: PLC0415

    templates = Templates(output.template)
    if output.format == "html":
        return render_html(plan, profile, style, templates, whole_plan_at=output.whole_plan_at)
    limit = LIMITS[output.limit or _LIMITS[0]]
    return render_markdown(
        plan, profile, style, templates, limit=limit, whole_plan_at=output.whole_plan_at, summary_only=output.summary
    )


def _hide_base(plan: Plan) -> Plan:
    """Return the plan without the name of its base: a branch is often named after the user that it is about."""
    if plan.base is None:
        return plan
    names = [plan.base.ref]
    diagnostics = tuple(
        replace(item, summary=hide_words(item.summary, names), detail=hide_words(item.detail, names))
        for item in plan.diagnostics
    )
    notes = tuple(hide_words(note, names) for note in plan.notes)
    return replace(plan, base=replace(plan.base, ref=HIDDEN), diagnostics=diagnostics, notes=notes)
