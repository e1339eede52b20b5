from dataclasses import replace

from support.site_reports import site_report

from reconciler.render.site.pages import Pages
from reconciler.render.site.users import build_rows, describe_why, render_details, render_list
from reconciler.render.style import Style

REPORT = site_report()


def test_every_state_has_its_label() -> None:
    states = [row.state for row in build_rows(REPORT.users, Style())]
    assert states == [
        "failing",
        "account",
        "account",
        "waiting",
        "unknown",
        "leaving",
        "off",
        "out",
        "removed",
        "leaving",
    ]


def test_the_reason_names_groups_filter_and_place() -> None:
    assert describe_why(REPORT.users[0], Style()) == (
        'assigned in scope.yaml, through "staff" → "sales", by the filter "Employees" (scope.yaml:7:3)'
    )
    assert describe_why(REPORT.users[0], Style(redact=True)) == (
        "assigned in scope.yaml, through (hidden), by the filter (hidden)"
    )
    assert describe_why(REPORT.users[5], Style()) == 'out of scope: "ada@example.com"'
    assert describe_why(REPORT.users[8], Style()) == 'removed from git on 2026-12-01 by "ada@example.com"'
    assert describe_why(REPORT.users[8], Style(redact=True)) == "removed from git on 2026-12-01 by (hidden)"


def test_a_page_of_details_has_100_users_and_no_name_in_its_own() -> None:
    report = site_report(count=190)
    rows = list(build_rows(report.users, Style()))
    pages = {name: "".join(text) for name, text in render_details(report, rows, Style(), Pages())}
    assert list(pages) == ["users-0001.html", "users-0002.html"]
    assert [page.count('class="user"') for page in pages.values()] == [100, 100]
    listed = "".join(render_list(report, rows, Pages()))
    assert 'href="users-0002.html#u101"' in listed
    assert 'id="u101"' in pages["users-0002.html"]


def test_the_history_of_a_user_is_by_attribute_with_the_present_value_first() -> None:
    rows = list(build_rows(REPORT.users, Style()))
    ((_, text),) = render_details(REPORT, rows, Style(), Pages())
    page = "".join(text)
    department = page[page.index("<bdi>department</bdi>") :]
    assert department.index("ada@example.com") < department.index(">IT<")
    assert "changes that no edit of this user asked for" in page
    assert "3 older changes are left out" in page


def test_redacted_pages_have_no_name_value_or_place() -> None:
    report, style = site_report("qzx"), Style(redact=True)
    report = replace(report, unknown={})
    rows = list(build_rows(report.users, style))
    text = "".join([*render_list(report, rows, Pages())])
    text += "".join(piece for _, page in render_details(report, rows, style, Pages()) for piece in page)
    assert "qzx" not in text
