"""A desired state of a few files, loaded."""

from collections.abc import Callable

from reconciler.core.model import Severity
from reconciler.desired.loader import BrokenState, DesiredState

TARGET = (
    "target:\n  profile: {}\n  base_url: https://federation.apple.com/feeds/business/scim/\n  domains: [example.com]\n"
)
SETTINGS = TARGET.format("apple-business-manager")
ADA = "- {userPrincipalName: ada@example.com, objectId: id-ada, givenName: Ada, surname: Lovelace, department: R&D}\n"
BOB = "- {userPrincipalName: bob@example.com, objectId: id-bob, givenName: Bob, surname: Hope}\n"
Load = Callable[..., DesiredState | BrokenState]


def good(state: DesiredState | BrokenState) -> DesiredState:
    assert isinstance(state, DesiredState), state.diagnostics
    return state


def messages(state: DesiredState | BrokenState) -> list[str]:
    return [f"{item.origin}: {item.summary}. {item.detail}" for item in state.diagnostics]


def broken(state: DesiredState | BrokenState) -> list[str]:
    assert isinstance(state, BrokenState)
    return messages(state)


USUAL = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
"""
GIVEN_NAME = "- {target: name.givenName, source: givenName}"


def error_messages(state: DesiredState | BrokenState) -> list[str]:
    """The errors alone, by what they say first."""
    assert isinstance(state, BrokenState)
    return [f"{item.origin}: {item.summary}" for item in state.diagnostics if item.severity is Severity.ERROR]


SCIM_SETTINGS = TARGET.format("scim")


def with_row(loaded: Load, row: str, **files: str) -> DesiredState | BrokenState:
    return loaded(**{"settings": SCIM_SETTINGS, "mappings": f"{USUAL}- {row}\n", **files})
