"""A user with an error is left untouched: neither their account nor one that may be theirs is changed."""

from __future__ import annotations

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
