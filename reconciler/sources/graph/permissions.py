"""The permissions in a token for Microsoft Graph, compared with those that a read needs.

Graph does not fail for lack of a permission: it returns members whose properties are all null. So the token is looked
at before the first read. It is not verified, because that is Graph's work: Graph refuses a forged one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any

from reconciler.errors import SourceError


class Permission(StrEnum):
    """A permission that reading needs: the least one, all of them read only."""

    USERS = "User.Read.All"
    GROUPS = "GroupMember.Read.All"
    APPLICATIONS = "Application.Read.All"
    DELETED_GROUPS = "Group.Read.All"
    SYNCHRONIZATION = "Synchronization.Read.All"
    AUDIT_LOG = "AuditLog.Read.All"
    DIRECTORY = "Directory.Read.All"
    HIDDEN_MEMBERS = "Member.Read.Hidden"
    LEAVE_DATES = "User-LifeCycleInfo.Read.All"


PEOPLE = (Permission.USERS, Permission.GROUPS, Permission.APPLICATIONS)
"""What `import entra` needs."""

_AS_SIGNED_IN_USER = "Directory.AccessAsUser.All"
"""What the token of the Azure CLI has: the signed-in user's own rights. Graph refuses with 403 what these lack."""
_EVERYTHING = ("Directory.Read.All", "Directory.ReadWrite.All", _AS_SIGNED_IN_USER)
_HIGHER: Mapping[Permission, tuple[str, ...]] = {
    Permission.USERS: ("User.ReadWrite.All", *_EVERYTHING),
    Permission.GROUPS: ("GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", *_EVERYTHING),
    Permission.DELETED_GROUPS: ("Group.ReadWrite.All", *_EVERYTHING),
    Permission.APPLICATIONS: ("Application.ReadWrite.All", *_EVERYTHING),
    Permission.SYNCHRONIZATION: ("Synchronization.ReadWrite.All", _AS_SIGNED_IN_USER),
    Permission.AUDIT_LOG: ("ProvisioningLog.Read.All",),
    Permission.DIRECTORY: ("Directory.ReadWrite.All", _AS_SIGNED_IN_USER),
    Permission.HIDDEN_MEMBERS: (),
    Permission.LEAVE_DATES: ("User-LifeCycleInfo.ReadWrite.All",),
}
"""The documented permissions that include each one ("Higher privileged permissions" of the requests)."""


def find_missing(claims: Mapping[str, Any], needed: Iterable[Permission]) -> tuple[Permission, ...]:
    """Return the needed permissions that neither `roles` (application) nor `scp` (delegated) of a token grant."""
    granted = list_granted(claims)
    return tuple(each for each in dict.fromkeys(needed) if granted.isdisjoint((each.value, *_HIGHER[each])))


def list_granted(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the permissions that a token names."""
    roles, scopes = claims.get("roles"), claims.get("scp")
    names = [each for each in roles if isinstance(each, str)] if isinstance(roles, list) else []
    return frozenset(names + (scopes.split() if isinstance(scopes, str) else []))


def check_permissions(claims: Mapping[str, Any] | None, needed: Collection[Permission], credential: str) -> None:
    """Check that a token grants what a read needs. `claims` None: it is no JWT. Raises one `SourceError` for all."""
    if claims is None:
        raise SourceError(
            f"the permissions of the token from {credential} cannot be read: it is no JWT",
            "Use an access token for Microsoft Graph, such as `az account get-access-token --resource-type ms-graph`"
            " prints.",
        )
    missing = find_missing(claims, needed)
    if missing:
        raise SourceError(
            f"the token from {credential} lacks permissions of Microsoft Graph: {', '.join(missing)}",
            describe_grant(missing, delegated=isinstance(claims.get("scp"), str)),
        )


def describe_grant(missing: Collection[Permission], *, delegated: bool = False) -> str:
    """Return how to grant permissions."""
    kind = "delegated" if delegated else "application"
    return (
        f"Grant {', '.join(missing)} as {kind} permissions: Microsoft Entra admin center > App registrations > the app"
        f" of source.entra.client_id > API permissions > Add a permission > Microsoft Graph > {kind.capitalize()}"
        " permissions, then Grant admin consent. It takes a few minutes until new tokens have them."
    )
