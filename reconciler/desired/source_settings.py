"""`source` of settings.yaml: where people come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.desired.schema_values import EMPTY_IS_LIST, Count, DeclaredDay, Flag, StrictModel, TextList

_DOMAIN_OR_ID = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
_UUID = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"


class EntraSource(StrictModel):
    """Microsoft Entra ID, read by Microsoft Graph. Credentials and other hosts come from the environment only."""

    tenant: Annotated[str, Field(pattern=_DOMAIN_OR_ID)] = Field(
        description="The tenant's id, or one of its domains, such as contoso.onmicrosoft.com"
    )
    client_id: Annotated[str, Field(pattern=_UUID)] | None = Field(
        default=None, description="Application (client) id of the app registration that reads"
    )
    application: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="The enterprise application: display name, application id or object id"
    )
    cloud: Literal["global", "usgov", "usgov-dod", "china"] = Field(
        default="global", description="The cloud, which decides about the hosts"
    )
    users: Literal["assigned", "all"] = Field(
        default="assigned", description="assigned: users and groups of the application; all: every user of the tenant"
    )
    nested_groups: Flag = Field(
        default=False, description="true: members of nested groups too, which Entra's own service does not provision"
    )
    attributes: Literal["auto"] | Annotated[list[str], *EMPTY_IS_LIST] = Field(
        default="auto", description="auto: those that mappings, filters and templates read; or a list"
    )
    place: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        default="users/entra.yaml", description="File of new users; may hold {department} and the like"
    )
    keep: TextList = Field(default=[], description="Attributes that git owns: an import never changes them")
    on_missing: Literal["report", "disable", "remove"] = Field(
        default="report", description="What happens to the entry of a person that is confirmed gone or unassigned"
    )
    credential_expires: DeclaredDay = Field(
        default=None,
        description="Day on which the credential of the app registration expires, where Graph may not be asked for it",
    )
    auto_merge: Count | None = Field(
        default=None,
        description="An import that adds or updates at most this many users, and removes none, is merged by the"
        " workflow when its checks pass; without it never",
    )


class SourceSettings(StrictModel):
    """Where people come from."""

    entra: EntraSource | None = Field(default=None, description="Microsoft Entra ID")
