from support.site_reports import IN, SHOWN

from reconciler.render.site.model import SiteUser


def test_users_are_sorted_by_name_whatever_its_case() -> None:
    users = [SiteUser(name, "", "", IN, SHOWN) for name in ("b", "C", "a", "A")]
    assert [user.key for user in sorted(users, key=lambda each: each.sort_key)] == ["A", "a", "b", "C"]
