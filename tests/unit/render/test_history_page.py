import base64
import hashlib
import re
from pathlib import Path

from support.parsers import html_structure, html_text
from unit.render.test_history import DRIFT, EDIT

from reconciler.render import history_page
from reconciler.render.history import HistoryView
from reconciler.render.history_page import render_history_page
from reconciler.render.style import Style

PLAIN = Style()


def test_the_page_names_the_user_and_each_entry() -> None:
    page = render_history_page(HistoryView((EDIT, DRIFT), "ada", "department"), PLAIN)
    text = html_text(page)
    assert "<title>History of ada</title>" in page
    assert "set by Grace" in text
    assert text.index("changed") < text.index("drift, not corrected")
    assert page.count("<li ") == 2


def test_a_redacted_page_does_not_name_the_user() -> None:
    page = render_history_page(HistoryView((EDIT,), "ada"), Style(redact=True))
    assert "<title>History of (hidden)</title>" in page
    assert "ada" not in html_text(page)


def test_the_policy_permits_the_style_sheet_by_its_hash_and_nothing_else() -> None:
    page = render_history_page(HistoryView(()), PLAIN)
    sheet = (Path(history_page.__file__).parent / "templates" / "history.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1] == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not [tag for tag, _ in html_structure(page) if tag == "script"]


def test_what_is_missing_is_reported() -> None:
    text = html_text(render_history_page(HistoryView((), cut=True, shallow=True), PLAIN))
    assert "Nothing on record." in text
    assert "Older entries are left out (--limit)." in text
    assert "This clone is shallow: older commits are missing." in text
