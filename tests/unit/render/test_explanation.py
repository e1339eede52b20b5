from dataclasses import replace

from support.builders import OUT, change, live, source_user
from support.output_formats import explanation

from reconciler.core.model import ScopeReason, Verdict
from reconciler.core.plan import Action
from reconciler.core.planning.explanation import Decision, Explanation
from reconciler.core.policy import Removal
from reconciler.core.scope.trace import ClauseResult, Trace, TraceStep
from reconciler.render.explanation import render_explanation, to_document
from reconciler.render.style import Style

PLAIN, REDACTED = Style(), Style(redact=True)
IN_SCOPE = Trace((TraceStep("accountEnabled", ClauseResult.TRUE, True, ""),), Verdict(ScopeReason.IN_SCOPE))


def found(**parts: object) -> Explanation:
    empty = Explanation(
        name="ada", source=None, scope=None, lookups=(), rows=(), live=None, decision=None, diagnostics=()
    )
    return replace(empty, **parts)  # type: ignore[arg-type]


def section(text: str, title: str) -> list[str]:
    """The lines of one step."""
    after = text.split(f"\n{title}\n")[1]
    return [line.strip() for line in after.split("\n\n")[0].rstrip("\n").split("\n")]


def test_the_steps_come_in_entras_order() -> None:
    text = render_explanation(explanation("ada"), PLAIN)
    assert text.startswith('user["ada"]\n\nImport\n')
    titles = ["Import", "Scope", "Match", "Mapping", "Live", "Action"]
    assert [line for line in text.split("\n") if line in titles] == titles


def test_a_user_who_is_not_in_the_desired_state() -> None:
    text = render_explanation(found(), PLAIN)
    assert section(text, "Import") == ["not in the desired state"]
    assert section(text, "Scope") == ["not in the desired state, so not in scope"]
    assert section(text, "Mapping") == ["nothing to map"]


def test_offline_the_service_is_not_read() -> None:
    text = render_explanation(found(), PLAIN)
    assert section(text, "Live") == ["not read (--offline)"]
    assert section(text, "Action") == ["not planned (--offline)"]
    online = render_explanation(found(decision=Decision(None, "nothing to do", ())), PLAIN)
    assert section(online, "Live") == ["not in the target"]
    assert section(online, "Action") == ["nothing to do"]


def test_scope_says_why() -> None:
    inside = render_explanation(found(source=source_user("ada"), scope=IN_SCOPE), PLAIN)
    assert section(inside, "Scope")[0] == "in scope"
    outside = found(source=source_user("ada"), scope=replace(IN_SCOPE, verdict=OUT), removal=Removal.DEACTIVATE)
    text = render_explanation(outside, PLAIN)
    assert section(text, "Scope")[0].startswith("out of scope: ")
    assert section(text, "Mapping")[0] == (
        "out of scope: no values are desired; a managed account is deactivated (lifecycle.out_of_scope)"
    )


def test_the_live_account_says_whether_it_is_managed() -> None:
    text = render_explanation(found(live=live("ada"), decision=Decision(None, "none", ())), PLAIN)
    assert section(text, "Live")[0] == "live-ada: active, managed"


def test_the_action_is_the_planned_change() -> None:
    planned = change("ada", Action.DEACTIVATE, detail="no longer in the desired state")
    text = render_explanation(found(decision=Decision(planned, "no longer in the desired state", ("too many",))), PLAIN)
    lines = section(text, "Action")
    assert lines[0] == "deactivate: no longer in the desired state"
    assert lines[-1] == "The plan is blocked: too many"


def test_a_redacted_explanation_has_neither_names_nor_values() -> None:
    text = render_explanation(explanation("Zebulon"), REDACTED)
    assert text.startswith("user[(hidden)]\n")
    assert "from a file of the desired state" in text


def test_the_document_has_the_steps_and_raw_values() -> None:
    document = to_document(explanation("a\x1b"))
    assert list(document) == [
        "format_version",
        "user",
        "import",
        "scope",
        "match",
        "mapping",
        "live",
        "action",
        "diagnostics",
    ]
    assert (document["user"], document["live"]["id"]) == ("a\x1b", "a\x1b")
    nothing = to_document(found())
    assert (nothing["import"], nothing["scope"], nothing["live"], nothing["action"]) == (None, None, None, None)
