"""Read the stand-in of Graph with Microsoft's own clients, and print what they see as JSON.

It runs in an environment of its own (`requirements.lock` beside it) as a process of `test_microsoft_clients.py`, with
the stand-in's addresses in the environment. It imports nothing of this repository.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientAssertionCredential, ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.directory.deleted_items.graph_user.graph_user_request_builder import GraphUserRequestBuilder
from msgraph.generated.groups.item.members.members_request_builder import MembersRequestBuilder
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.users_request_builder import UsersRequestBuilder

ENV = os.environ
SCOPE = "https://graph.microsoft.com/.default"
LOGIN = {"authority": ENV["LOGIN"], "disable_instance_discovery": True, "connection_verify": ENV["SSL_CERT_FILE"]}


def fetch(url: str, headers: Mapping[str, str]) -> bytes:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - an address of the test
    with urllib.request.urlopen(request) as response:  # noqa: S310
        found: bytes = response.read()
    return found


def federated() -> ClientAssertionCredential:
    """A credential as in a job of GitHub Actions; azure-identity leaves the request to GitHub to its caller."""

    def assertion() -> str:
        url = f"{ENV['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=api%3A%2F%2FAzureADTokenExchange"
        token = ENV["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
        return str(json.loads(fetch(url, {"Authorization": f"bearer {token}"}))["value"])

    return ClientAssertionCredential(ENV["TENANT"], ENV["CLIENT"], assertion, **LOGIN)


def refusal(tenant: str, client: str, secret: str) -> str:
    """The first words of what azure-identity says of a wrong credential."""
    try:
        ClientSecretCredential(tenant, client, secret, **LOGIN).get_token(SCOPE)
    except ClientAuthenticationError as error:
        return str(error).partition("AADSTS")[2].partition(":")[0]
    return "none"


async def pages(builder: Any, config: Any = None) -> tuple[list[Any], str | None]:
    """All rows of a list, followed by its links, and its deltaLink."""
    page = await builder.get(request_configuration=config)
    rows = list(page.value)
    while page.odata_next_link:
        page = await builder.with_url(page.odata_next_link).get(request_configuration=None)
        rows += page.value
    return rows, getattr(page, "odata_delta_link", None)


def user(found: Any) -> dict[str, Any]:
    data = found.employee_org_data
    return {
        "id": found.id,
        "userPrincipalName": found.user_principal_name,
        "accountEnabled": found.account_enabled,
        "department": found.department,
        "mobilePhone": found.mobile_phone,
        "businessPhones": found.business_phones,
        "costCenter": data.cost_center if data else None,
        "extensionAttribute1": getattr(found.on_premises_extension_attributes, "extension_attribute1", None),
        "hired": found.employee_hire_date.isoformat() if found.employee_hire_date else None,
        "manager": found.manager.id if found.manager else None,
        "more": found.additional_data,
    }


async def read(client: GraphServiceClient) -> dict[str, Any]:
    extension, application, staff, job = ENV["EXTENSION"], ENV["APPLICATION"], ENV["STAFF"], ENV["JOB"]
    select = [*ENV["SELECT"].split(","), extension]
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=select, expand=["manager($select=id)"], top=3
    )
    users, _ = await pages(
        client.users, UsersRequestBuilder.UsersRequestBuilderGetRequestConfiguration(query_parameters=query)
    )
    delta_query = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=[*select, "manager"])
    first, link = await pages(
        client.users.delta,
        DeltaRequestBuilder.DeltaRequestBuilderGetRequestConfiguration(query_parameters=delta_query),
    )
    fetch(ENV["EDIT"], {})  # the test edits the tenant
    changed, _ = await pages(client.users.delta.with_url(link))
    member_query = MembersRequestBuilder.MembersRequestBuilderGetQueryParameters(top=2)
    members, _ = await pages(
        client.groups.by_group_id(staff).members,
        MembersRequestBuilder.MembersRequestBuilderGetRequestConfiguration(query_parameters=member_query),
    )
    principal = client.service_principals.by_service_principal_id(application)
    assigned, _ = await pages(principal.app_role_assigned_to)
    jobs = await principal.synchronization.jobs.get()
    schema = await principal.synchronization.jobs.by_synchronization_job_id(job).schema.get()
    deleted_query = GraphUserRequestBuilder.GraphUserRequestBuilderGetQueryParameters(select=["id", "deletedDateTime"])
    deleted, _ = await pages(
        client.directory.deleted_items.graph_user,
        GraphUserRequestBuilder.GraphUserRequestBuilderGetRequestConfiguration(query_parameters=deleted_query),
    )
    log, _ = await pages(client.audit_logs.provisioning)
    try:
        await client.users.by_user_id("nobody@contoso.com").get()
        missing = "found"
    except ODataError as error:
        missing = f"{error.response_status_code} {error.error.code}"
    return {
        "users": [user(found) for found in users],
        "delta": [user(found) for found in first],
        "changed": [user(found) for found in changed],
        "members": [[type(found).__name__, found.id] for found in members],
        "assigned": [[found.principal_type, str(found.principal_id), str(found.app_role_id)] for found in assigned],
        "job": [jobs.value[0].id, jobs.value[0].schedule.state.value, jobs.value[0].status.code.value],
        "mappings": len(schema.synchronization_rules[0].object_mappings[0].attribute_mappings),
        "deleted": [[found.id, found.deleted_date_time.isoformat()] for found in deleted],
        "log": [[found.source_identity.id, found.target_identity.id, found.provisioning_action.value] for found in log],
        "missing": missing,
    }


async def main() -> None:
    secret = ClientSecretCredential(ENV["TENANT"], ENV["CLIENT"], ENV["SECRET"], **LOGIN)
    token = federated().get_token(SCOPE).token
    host = ENV["GRAPH"].removeprefix("https://")
    provider = AzureIdentityAuthenticationProvider(secret, scopes=[SCOPE], allowed_hosts=[host, host.split(":")[0]])
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{ENV['GRAPH']}/v1.0"
    found = await read(GraphServiceClient(request_adapter=adapter))
    found["federated"] = token.count(".")
    found["refusals"] = [
        refusal(ENV["TENANT"], ENV["CLIENT"], "wrong"),
        refusal(ENV["TENANT"], "00000000-0000-4000-8000-000000000000", ENV["SECRET"]),
        refusal("fabrikam.onmicrosoft.com", ENV["CLIENT"], ENV["SECRET"]),
    ]
    json.dump(found, sys.stdout, default=str)  # ids are UUIDs here and there


asyncio.run(main())
