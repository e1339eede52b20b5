"""Values that attack whatever shows them, for tests of every output format, and a plan that holds one everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import cycle

from hypothesis import strategies as st

from reconciler.core.model import Origin, error, warning
from reconciler.core.plan import Action, Attribution, Base, Change, Guard, LaterEdit, Plan
from reconciler.core.provisioning import Provisioning
from support.builders import DEPARTMENT, OUT, change, desired, live, plan_of

HOSTILE: Mapping[str, str] = {
    # Terminals and logs.
    "newlines": "Ada\n::error::pwned\r\n::set-output name=x::y\n\n",
    "line separators": "Ada\u2028::error::pwned\u2029\x85::warning::x",
    "ANSI": "\x1b[2J\x1b[31mAda\x1b]0;title\x07\x9b1A",
    "OSC 8": "\x1b]8;;https://example.com/\x1b\\Ada\x1b]8;;\x1b\\",
    "bidi": "Ada\u202eecalevoL\u202c\u2066x\u2069\u200f",
    "a workflow command": "::error file=a,line=1::pwned",
    "a workflow command, old form": "##[error]pwned",
    "a workflow command inside": "Ada ##[add-mask]e Lovelace",
    "stopping workflow commands": "::stop-commands::x",
    "a heredoc": "EOF\nPATH=/tmp\nEOF",
    "backspaces": "Ada\b\b\bBob\x7f\x00",
    "escapes of NUL": "\\0 \\x00 \\u0000 %00 &#0; \\u{0}",
    "tags": "Ada\U000e0041\U000e0042\u200b\ufeff",
    "lone surrogates": "Ada\ud800\udfff",
    # Markdown.
    "fences": "```\n~~~\n    code\n```",
    "a longer fence": "````` ```````` ~~~~~~ `` `",
    "a very long fence": "`" * 400,
    "a fence at both ends": "```Ada```",
    "a diff": "x\n+ Ada\n- Ada\n! Ada\n      + Ada\n--- a\n+++ b\n@@ -1 +1 @@\n> Ada\n< Ada",
    "lines of a diff": "+ Ada",
    "a removed line": "- user",
    "a symbol in its column": "      ~ Ada",
    "the end of a fence and a diff": "\n```\n```diff\n+ Ada\n```\n",
    "a mention": "@example/team @octocat",
    "an issue": "#1 GH-1 example/reconciler#123",
    "a closing word": "fixes #1, closes #2, resolves example/reconciler#3",
    "a commit": "0123456789abcdef0123456789abcdef01234567",
    "links": "[x](javascript:alert(1)) <https://example.com> https://example.com www.example.com ada@example.com",
    "images": "![x](https://example.com/x.png) [![x](y)](z)",
    "references": "[x]: https://example.com\n[^1]: note",
    "a heading": "# Ada\n## Ada\nAda\n===\n---",
    "a table": "| a | b |\n| --- | --- |\n| c | d |",
    "a list": "- [x] Ada\n1. Ada\n> Ada\n> [!NOTE]",
    "emphasis": "**Ada** _Ada_ ~~Ada~~ :tada: $x^2$ \\*",
    # HTML.
    "HTML": "</details><script>alert(1)</script><img src=x onerror=alert(1)>",
    "the end of a script": "</script></style></title></textarea></pre><!--<script>",
    "a forged marker": "<!-- reconciler:plan sha256:0 -->",
    "a forged marker, old form": "<!-- reconciler forged --> <!--",
    "comments": "--> --!> <!-- <![CDATA[ ]]> <?php ?>",
    "attributes": "\" onmouseover=alert(1) x=\" ' autofocus onfocus=alert(1) '",
    "entities": "&lt;b&gt; &#64;octocat &quot; &amp;amp; &nbsp",
    "CSS": "</style><style>*{display:none} url(https://example.com/x) expression(alert(1)) @import 'x'",
    "schemes": "javascript:alert(1) data:text/html,x vbscript:x file:///etc/passwd",
    # Templates, tables, spreadsheets.
    "template syntax": "{{ 7 * 7 }} {% include '/etc/passwd' %} {# x #} ${x} {{ ''.__class__ }}",
    "the end of a template's raw": "{% endraw %}{{ config }}",
    "format strings": "%s %(x)s {0} {0.__class__}",
    "a formula": '=HYPERLINK("https://example.com","x")',
    "other formulas": "+1-1 @SUM(A1) -2+3 |cmd",
    # Users whose names are only long or not ASCII.
    "5,000 characters": "Ada " * 1250,
    "5,000 characters without a space": "x" * 5000,
    "emoji with joiners": "\U0001f469\u200d\U0001f4bb\ufe0f\U0001f3f3\ufe0f\u200d\U0001f308",
    "right to left": "\u05e2\u05d3\u05d4 \u05dc\u05d0\u05d1\u05dc\u05d9\u05d9\u05e1 \u0639\u062f\u0629",
    "stacked accents": "A\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307",
    "quotes": '"Ada" \\" {\\n}',
    "spaces": "  Ada  ",
    "a backslash at the end": "Ada\\",
}
"""By what they try."""

INVISIBLE = (
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u200b\u2028\u2029\ufeff\U000e0041\x1b\x9b\x85"
)
"""Characters that no output format may hold."""


def texts() -> st.SearchStrategy[str]:
    """Any text, a hostile one, or some of both in a row; never empty."""
    known = st.sampled_from(list(HOSTILE.values()))
    any_text = st.text(st.characters(exclude_categories=()), min_size=1)
    return any_text | known | st.lists(known | any_text, min_size=2, max_size=3).map("".join)


def plan_that_says(word: str) -> Plan:
    """Every place in which a name or a value of a person can stand holds `word`."""
    values = dict.fromkeys(("userName", "name.givenName", "externalId", DEPARTMENT), word)
    other = dict.fromkeys(values, f'{word}"{word}')
    address = f'user["{word}"]'
    origin = Origin("users/people.yaml", 1, 1)
    changes: list[Change] = [
        change("x", action, key=f"{word}{action.value}", before=values, after=other, live_id="7", origin=origin)
        for action in Action
    ]
    changes.append(
        change("y", key=f"{word}y", before=values, after=other, temporary_user_name=word, requires=(address,))
    )
    base = plan_of(
        [desired(word, verdict=OUT, protected=True)],
        [live(word), live("somebody-else")],
        recently_deleted={f"{word}@example.com".casefold(): date(2026, 4, 1)},
    )
    reuse = Guard("name-reuse", passed=False, message=f'1 user name would be used again: "{word} (free on 2026-04-01)"')
    hidden = Guard("complete-read", passed=False, message=f'the list leaves out 2 users: "{word}", "a\\"{word}\\""')
    return replace(
        base,
        base=Base("origin/main", "a" * 40),
        changes=tuple(
            replace(each, attribution=whose)
            for each, whose in zip(
                changes, cycle((Attribution.THIS_CHANGE_SET, Attribution.ALREADY_PENDING)), strict=False
            )
        ),
        notes=(f'now protected: 1 user ("{word}")',),
        provisioning=Provisioning(enabled=False, reason=word),
        no_longer_pending=tuple(changes[:2]),
        changes_nothing_today=(LaterEdit(word, f'new, not in scope: requires department EQUALS "{word}"'),),
        guards=(*base.guards, reuse, replace(reuse, approved=True), hidden),
        diagnostics=(
            error(f'userName "{word}" is not an e-mail address', f"See {word}.", origin, address),
            error(f'userName "a\\"{word}\\\\" is wrong', word, None, address),
            error(f'there is no user "{word}"', f"Did you mean {word}?", origin),
            warning(f'active holds "{word}… (3 more characters)", neither true nor false', "", None, address),
            error(f'cut in the middle "{word}'),
            replace(error("x", "", origin), source_line=f"userPrincipalName: {word}"),
        ),
    )
