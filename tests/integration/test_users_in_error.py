"""A user with an error is left untouched: neither their account nor one that may be theirs is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

APPLE, SCIM = "apple-business-manager", "scim"


class Company:
    """Twelve users whose accounts are as desired, and the domain `example.com`."""

    def __init__(self, open_workspace: OpenWorkspace) -> None:
        self.service = FakeScimServer(users=[make_user(number) for number in range(12)])
        self.people: list[dict[str, Any]] = [source(make_user(number)) for number in range(12)]
        self.work: Workspace = open_workspace(self.service)
        self.settings()

    def settings(self, profile: str = SCIM, **sections: Any) -> None:
        target = {"profile": profile, "base_url": self.work.base_url, "domains": ["example.com"]}
        self.work.settings(target=target, **sections)

    def plan(self) -> CommandResult:
        self.work.users(self.people)
        return self.work.plan()

    def apply(self) -> CommandResult:
        self.work.users(self.people)
        return self.work.apply()


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> Company:
    return Company(open_workspace)


def diagnostics(result: CommandResult, severity: str) -> list[str]:
    return [item["summary"] for item in result.plan["diagnostics"] if item["severity"] == severity]


# --- characters that deceive ------------------------------------------------------


@pytest.mark.parametrize("profile", [APPLE, SCIM])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("u\u200b0@example.com", "U+200B ZERO WIDTH SPACE"),
        ("\ufeffu0@example.com", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("u\u00ad0@example.com", "U+00AD SOFT HYPHEN"),
        ("u\u30000@example.com", "U+3000 IDEOGRAPHIC SPACE"),
        ("u0\uff20example.com", "U+FF20 FULLWIDTH COMMERCIAL AT"),
        ("ad\u0430@example.com", "U+0430 CYRILLIC SMALL LETTER A"),
    ],
)
def test_no_account_gets_a_name_that_looks_like_another(profile: str, name: str, code: str, company: Company) -> None:
    company.settings(profile)
    company.people[0]["userPrincipalName"] = name
    company.people[1]["surname"] = "New"
    company.people.append(source(make_user(20), userPrincipalName=f"new.{name}"))
    company.people[2]["accountEnabled"] = False
    planned = company.plan()
    assert (planned.code, sorted(planned.actions.values())) == (5, ["deactivate", "update"])
    assert [code in said for said in diagnostics(planned, "error")] == [True, True]
    assert company.work.run("validate").code == 1
    assert company.apply().code == 5
    assert {request.user_name for request in company.service.writes} == {
        person["userPrincipalName"] for person in company.people[1:3]
    }


# --- another domain ---------------------------------------------------------------


@pytest.mark.parametrize("profile", [APPLE, SCIM])
def test_no_account_is_created_or_renamed_in_another_domain(profile: str, company: Company) -> None:
    company.settings(profile)
    new = source(make_user(20), userPrincipalName="new.person@evil.test")
    company.people[0]["userPrincipalName"] = "u0@exmaple.com"
    company.people.append(new)
    planned = company.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert diagnostics(planned, "error") == [
        'userName "u0@exmaple.com" is outside the verified domains',
        'userName "new.person@evil.test" is outside the verified domains',
    ]
    assert company.apply().code == 5
    assert company.service.writes == []


@pytest.mark.parametrize("profile", [APPLE, SCIM])
def test_an_account_that_is_in_another_domain_already_is_left_untouched(profile: str, company: Company) -> None:
    company.settings(profile)
    account = next(iter(company.service.users.values()))
    account["userName"] = "u0@example.org"
    company.people[0].update(userPrincipalName="u0@example.org", department="Board")
    planned = company.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert diagnostics(planned, "error") == ['userName "u0@example.org" is outside the verified domains']


# --- an account that may be theirs ------------------------------------------------

UNKNOWN = "1 deactivate withheld: 1 user with an error could not be identified, so their live accounts are unknown"
BY_NAME = """
- {target: userName, source: userPrincipalName, match: 1}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
"""


def lose_the_id(company: Company) -> None:
    """The user loses the objectId, and gets another name in the same edit."""
    del company.people[0]["objectId"]
    company.people[0]["userPrincipalName"] = "renamed@example.com"


def misspell_the_domain(company: Company) -> None:
    """Without externalId the misspelt name is the only thing that is known of the user."""
    company.work.write("mappings.yaml", BY_NAME)
    company.people[0]["userPrincipalName"] = company.people[0]["userPrincipalName"].replace("example", "exmaple")


def rename_without_ids(company: Company) -> None:
    """The new account would not have what the ownership filter asks for."""
    company.work.write("mappings.yaml", BY_NAME)
    company.people[0]["userPrincipalName"] = "renamed@example.com"


@pytest.mark.parametrize("mistake", [lose_the_id, misspell_the_domain, rename_without_ids])
def test_the_account_of_a_user_with_an_error_is_not_taken_for_a_leavers(
    mistake: Callable[[Company], None], company: Company
) -> None:
    mistake(company)
    planned = company.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert UNKNOWN in diagnostics(planned, "warning")
    assert company.apply().code == 5
    assert company.service.writes == []


def lose_the_id_only(company: Company) -> None:
    del company.people[0]["objectId"]


def take_a_name(company: Company) -> None:
    """A new user wants the name of a leaver's account."""
    company.people.append(source(make_user(20), userPrincipalName=make_user(11)["userName"]))


def misspell_a_new_user(company: Company) -> None:
    company.people.append(source(make_user(20), userPrincipalName="new@exmaple.com"))


@pytest.mark.parametrize("mistake", [lose_the_id_only, take_a_name, misspell_a_new_user])
def test_a_user_with_an_error_who_is_known_holds_up_no_leaver(
    mistake: Callable[[Company], None], company: Company
) -> None:
    company.people = company.people[:10]
    mistake(company)
    company.work.users(company.people)
    planned = company.work.plan()
    assert planned.code == 5
    # The account whose name another user wants is left untouched: it may be the same person.
    leavers = [10] if mistake is take_a_name else [10, 11]
    assert planned.actions == {make_user(number)["userName"]: "deactivate" for number in leavers}


# --- a leaver ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "leaving",
    [{"accountEnabled": False}, {"lifecycle": {"expires": "2026-01-01"}}, {"lifecycle": {"starts": "2099-01-01"}}],
)
def test_a_leaver_whose_object_id_is_mistyped_is_an_error_while_the_account_is_active(
    leaving: dict[str, Any], company: Company
) -> None:
    leaver = company.people[0]
    right = leaver["objectId"]
    leaver.update(leaving, objectId="mistyped")
    planned = company.plan()
    assert (planned.code, planned.actions) == (5, {})
    (summary,) = diagnostics(planned, "error")
    assert f'belongs to a live account with another externalId ("{right}")' in summary
    assert "matches the desired state" not in planned.out
    # The ways out.
    leaver["objectId"] = right
    assert company.plan().actions == {leaver["userPrincipalName"]: "deactivate"}
    company.people.remove(leaver)
    assert company.plan().actions == {leaver["userPrincipalName"]: "deactivate"}
