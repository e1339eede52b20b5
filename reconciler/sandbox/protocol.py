"""The protocol core: scim2-server's service under the sandbox's quirks and account rules.

Importing this module takes a second, so `app` imports it for the first request that needs it.
"""

import functools
import json
from typing import Any

from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Context,
    ETag,
    External,
    Filter,
    Patch,
    PatchOp,
    Reference,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
)
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from scim2_server.utils import load_default_resource_types, load_default_schemas

from reconciler.sandbox.account_rules import AccountRules
from reconciler.sandbox.attributes import CORE, ENTERPRISE
from reconciler.sandbox.http_messages import RefusalError, Request, Response, build_json_response
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.representation import apply_quirks
from reconciler.sandbox.request_bodies import decode, normalize_patch, normalize_user
from reconciler.sandbox.scim_storage import SqliteStorage, select_user_types
from reconciler.sandbox.store import Store

_BEARER = AuthenticationScheme(
    type=AuthenticationScheme.Type.oauthbearertoken,
    name="bearer_token",
    description="HTTP Bearer Token",
    spec_uri=Reference[External]("https://datatracker.ietf.org/doc/html/rfc6750"),
)
_CONDITIONS = frozenset({"if-match", "if-none-match"})


def answer(store: Store, request: Request, quirks: Quirks, rules: AccountRules) -> Response:
    """Answer a request under the SCIM root. Raises RefusalError."""
    provider = load_provider()
    service = SandboxService(provider, quirks)
    storage = SqliteStorage(store, provider, rules, visible_after=quirks.eventual_consistency)
    if request.method == "PUT" and "/" in request.path.strip("/"):
        _check_put_body(request, quirks)
    try:
        response = ScimHandler(service, storage).handle(_to_scim_request(request, quirks))
    except SCIMException as error:
        raise _to_refusal(service.error_response(error)) from error
    return _to_response(response, quirks)


@functools.cache
def load_provider() -> ScimProvider:
    """Build the provider of a service with users and the enterprise extension."""
    schemas = load_default_schemas()
    types = select_user_types(list(load_default_resource_types().values()))
    return ScimProvider.from_discovery([schemas[CORE], schemas[ENTERPRISE]], types)


@functools.cache
def _build_config(page_cap: int, *, everything: bool, etag: bool) -> ServiceProviderConfig:
    return ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=page_cap),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=everything),
        etag=ETag(supported=etag),
        authentication_schemes=[_BEARER],
    )


class SandboxService(ScimService):
    """scim2-server's service with Apple's leniency for bodies; the quirk decides the answer to PATCH."""

    def __init__(self, provider: ScimProvider, quirks: Quirks) -> None:
        super().__init__(provider)
        self.config = _build_config(quirks.page_cap, everything=quirks.filters == "rfc", etag=quirks.etag)
        self._quirks = quirks

    def read_creation(self, resource_type: ResourceType, body: bytes, content_type: str | None) -> Resource[Any]:
        """Validate the body of a POST."""
        return super().read_creation(resource_type, self._user(body, content_type), content_type)

    def read_replacement(self, resource_type: ResourceType, body: bytes, content_type: str | None) -> Resource[Any]:
        """Validate the body of a PUT."""
        return super().read_replacement(resource_type, self._user(body, content_type), content_type)

    def read_patch(self, resource_type: ResourceType, body: bytes, content_type: str | None) -> "PatchOp[Any]":
        """Validate the body of a PATCH."""
        if self._quirks.unknown_attr != "store":
            self.ensure_json(content_type)
            body = json.dumps(normalize_patch(decode(body), self._quirks)).encode()
        return super().read_patch(resource_type, body, content_type)

    def patch_response(
        self, base_url: str, resource: Resource[Any], response_parameters: ResponseParameters[Any]
    ) -> ScimResponse:
        """Answer a PATCH with 204, or with 200 and the user."""
        if self._quirks.patch_status == 204:  # noqa: PLR2004 - HTTP's own number
            return super().patch_response(base_url, resource, response_parameters)
        published = self.publish(base_url, resource)
        return self.resource_response(published, Context.RESOURCE_REPLACEMENT_RESPONSE, response_parameters)

    def _user(self, body: bytes, content_type: str | None) -> bytes:
        if self._quirks.unknown_attr == "store":
            return body
        self.ensure_json(content_type)
        return json.dumps(normalize_user(decode(body), self._quirks)).encode()


def _check_put_body(request: Request, quirks: Quirks) -> None:
    if not quirks.put_needs_id and quirks.put_external_id == "accept":
        return
    keys = {key.lower(): value for key, value in decode(request.body).items()}
    # Field report: without the id the answer is 400 "Invalid request"; that another user's id gets it too is inferred.
    wrong_id = quirks.put_needs_id and keys.get("id") != request.path.rstrip("/").rpartition("/")[2]
    if wrong_id or (quirks.put_external_id == "reject400" and keys.get("externalid") is not None):
        raise RefusalError(400, "Invalid request", scim_type="invalidValue")


def _to_scim_request(request: Request, quirks: Quirks) -> ScimRequest:
    # RFC 7644 §3.14: a service without ETags ignores conditional headers.
    headers = {name: value for name, value in request.headers.items() if quirks.etag or name not in _CONDITIONS}
    return ScimRequest(request.method, request.base_url, request.path, request.query, headers, request.body)


def _to_refusal(response: ScimResponse) -> RefusalError:
    body = response.body or {}
    headers = {name: value for name, value in response.headers.items() if name != "Content-Type"}
    detail = str(body.get("detail") or response.status.phrase)
    return RefusalError(response.status.value, detail, scim_type=body.get("scimType"), headers=headers)


def _to_response(response: ScimResponse, quirks: Quirks) -> Response:
    headers = {name: value for name, value in response.headers.items() if name != "Content-Type"}
    body = response.body
    if body is None:
        return Response(response.status.value, headers=headers)
    if CORE in body.get("schemas", ()):
        body = apply_quirks(body, quirks)
    elif "Resources" in body:
        body = {**body, "Resources": [_represent_listed(resource, quirks) for resource in body["Resources"]]}
    return build_json_response(response.status.value, body, headers)


def _represent_listed(resource: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    return apply_quirks(resource, quirks) if CORE in resource.get("schemas", ()) else resource
