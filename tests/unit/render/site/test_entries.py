from support.site_reports import site_entries as some_entries

from reconciler.render.site.entries import site_entries
from reconciler.render.style import HIDDEN, Style


def test_a_redacted_entry_has_no_author() -> None:
    shown = [entry["author"] for entry in site_entries(some_entries("Grace"), Style())]
    assert all(author.startswith("Grace") for author in shown)
    redacted = list(site_entries(some_entries("Grace"), Style(redact=True)))
    assert [entry["author"] for entry in redacted] == [HIDDEN] * len(shown)
    assert "Grace" not in str(redacted)
