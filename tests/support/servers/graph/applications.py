"""/servicePrincipals with their assignments and provisioning jobs, /applications, /auditLogs/provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.servers.graph.calls import Answer, Call
from support.servers.graph.error_answers import GraphError, not_found
from support.servers.graph.filters import parse_filter
from support.servers.graph.pages import context_of, numbered, page, start_of
from support.servers.graph.rows import assignment_row, row, selected_of
from support.servers.graph.service import GraphService
from support.servers.graph.tenant import DirectoryObject, Job

_READ_APPLICATIONS = ("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All")
_READ_SYNCHRONIZATION = ("Synchronization.Read.All", "Synchronization.ReadWrite.All")
_READ_LOGS = ("AuditLog.Read.All", "ProvisioningLog.Read.All")


def list_principals(service: GraphService, call: Call) -> Answer:
    call.need(*_READ_APPLICATIONS)
    service.check_page(call)
    call.allow("$select", "$filter", "$top", "$count", "$skiptoken")
    names = call.selected("servicePrincipal")
    found = list(service.tenant.living("servicePrincipal"))
    if "$filter" in call.query:
        matches = parse_filter(call.query["$filter"], advanced=call.counted)
        found = [principal for principal in found if matches({"id": principal.id, **principal.properties})]
    rows = numbered([row(principal, names) for principal in found], start_of(call))
    context = context_of("servicePrincipals", names, selected="$select" in call.query)
    return Answer(page(call, context, rows, service.size(call), service.page_generation))


def get_principal(service: GraphService, call: Call, key: str) -> Answer:
    call.need(*_READ_APPLICATIONS)
    return _one_principal(call, _find(service, key))


def get_principal_by_app(service: GraphService, call: Call, app_id: str) -> Answer:
    call.need(*_READ_APPLICATIONS)
    principals = service.tenant.living("servicePrincipal")
    found = next((one for one in principals if one.properties["appId"] == app_id.casefold()), None)
    if found is None:
        raise not_found(app_id)
    return _one_principal(call, found)


def _one_principal(call: Call, principal: DirectoryObject) -> Answer:
    call.allow("$select")
    names = call.selected("servicePrincipal", listed=False)
    context = context_of("servicePrincipals", names, selected="$select" in call.query) + "/$entity"
    return Answer({"@odata.context": f"{call.base}/$metadata#{context}", **row(principal, names)})


def _find(service: GraphService, key: str) -> DirectoryObject:
    found = service.tenant.find(key)
    if found is None or found.kind != "servicePrincipal":
        raise not_found(key)
    return found


def list_assigned(service: GraphService, call: Call, key: str) -> Answer:
    call.need(*_READ_APPLICATIONS)
    service.check_page(call)
    call.allow("$select", "$top", "$skiptoken", "$count")
    application = _find(service, key)
    tenant = service.tenant
    assignments = list(tenant.assignments[application.id].values())
    made = (
        (place + 1, assignment_row(tenant, application, assignments[place], lagging=service.lagging_assignments))
        for place in range(start_of(call), len(assignments))
    )
    rows = ((place, selected_of(shown, call.names())) for place, shown in made if shown is not None)
    context = f"servicePrincipals('{application.id}')/appRoleAssignedTo"
    context = context_of(context, call.names(), selected=True)
    return Answer(page(call, context, rows, service.size(call), service.page_generation))


def list_jobs(service: GraphService, call: Call, key: str) -> Answer:
    call.need(*_READ_SYNCHRONIZATION)
    application = _find(service, key)
    jobs = [job.document for job in service.tenant.jobs[application.id]]
    context = f"{call.base}/$metadata#servicePrincipals('{application.id}')/synchronization/jobs"
    return Answer({"@odata.context": context, "value": jobs})


def get_job(service: GraphService, call: Call, key: str, job_id: str) -> Answer:
    call.need(*_READ_SYNCHRONIZATION)
    job = _job(service, key, job_id)
    context = f"{call.base}/$metadata#servicePrincipals('{key}')/synchronization/jobs/$entity"
    return Answer({"@odata.context": context, **job.document})


def get_schema(service: GraphService, call: Call, key: str, job_id: str) -> Answer:
    call.need(*_READ_SYNCHRONIZATION)
    job = _job(service, key, job_id)
    context = f"{call.base}/$metadata#servicePrincipals('{key}')/synchronization/jobs('{job.id}')/schema/$entity"
    return Answer({**job.schema, "@odata.context": context})


def _job(service: GraphService, key: str, job_id: str) -> Job:
    found = next((job for job in service.tenant.jobs[_find(service, key).id] if job.id == job_id), None)
    if found is None:
        raise GraphError(404, "ResourceNotFound", f"The synchronization job {job_id} was not found.")
    return found


def get_secrets(service: GraphService, call: Call, key: str) -> Answer:
    """Secrets are read in beta only."""
    call.need(*_READ_SYNCHRONIZATION)
    if call.version != "beta":
        raise GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    application = _find(service, key)
    context = f"{call.base}/$metadata#servicePrincipals('{application.id}')/synchronization/secrets"
    return Answer({"@odata.context": context, "value": service.tenant.secrets[application.id]})


def _show_secret(ends: str, hint: str, number: int) -> dict[str, Any]:
    """A secret of an app: its value is told only when it is made."""
    return {
        "customKeyIdentifier": None,
        "displayName": "reconciler",
        "endDateTime": ends,
        "hint": hint,
        "keyId": f"5f1d2c3b-0000-4000-8000-{number:012}",
        "secretText": None,
        "startDateTime": "2026-05-01T00:00:00Z",
    }


def _show_certificate(ends: str, number: int) -> dict[str, Any]:
    return {
        "customKeyIdentifier": None,
        "displayName": "CN=reconciler",
        "endDateTime": ends,
        "key": None,
        "keyId": f"5f1d2c3b-0000-4000-9000-{number:012}",
        "startDateTime": "2026-05-01T00:00:00Z",
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def get_application(service: GraphService, call: Call, app_id: str) -> Answer:
    """The app registration, to see when its secret ends."""
    call.need(*_READ_APPLICATIONS)
    call.allow("$select")
    app = next((app for app in service.tenant.apps if app.client_id == app_id.casefold()), None)
    if app is None:
        raise not_found(app_id)
    document = {
        "id": app.secret_id,
        "appId": app.client_id,
        "displayName": app.name,
        "passwordCredentials": [
            _show_secret(ends, hint, number)
            for number, (ends, hint) in enumerate([(app.secret_ends, app.secret[:3]), *app.further_secrets], start=1)
        ],
        "keyCredentials": [_show_certificate(ends, place) for place, ends in enumerate(app.certificate_ends, start=1)],
    }
    names = call.names()
    context = f"{call.base}/$metadata#{context_of('applications', names, selected=True)}/$entity"
    return Answer({"@odata.context": context, **selected_of(document, names)})


def list_provisioning(service: GraphService, call: Call) -> Answer:
    call.need(*_READ_LOGS)
    service.check_page(call)
    call.allow("$filter", "$orderby", "$top", "$skiptoken", "$select")
    events: list[Mapping[str, Any]] = list(service.tenant.provisioning_log)
    if "$filter" in call.query:
        matches = parse_filter(call.query["$filter"], advanced=False)
        events = [event for event in events if matches(event)]
    if call.query.get("$orderby", "activityDateTime desc") == "activityDateTime desc":
        events.reverse()
    rows = numbered([selected_of(event, call.names()) for event in events], start_of(call))
    return Answer(
        page(
            call,
            context_of("auditLogs/provisioning", call.names(), selected=True),
            rows,
            service.size(call),
            service.page_generation,
        )
    )
