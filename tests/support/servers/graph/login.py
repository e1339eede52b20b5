"""The token endpoint of Microsoft Entra ID: client secrets and federated credentials."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from support.servers.graph.jwts import claims_of, issue
from support.servers.graph.registrations import AppRegistration, FederatedCredential
from support.servers.graph.tenant import Tenant

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRAPH_HOSTS = (
    "https://graph.microsoft.com", "https://graph.microsoft.us", "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)  # fmt: skip
_FEDERATION = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"


@dataclass(frozen=True)
class LoginError(Exception):
    """An answer of the token endpoint that is an error. `number`: of AADSTS."""

    number: int
    text: str
    error: str = "invalid_client"
    status: int = 401


@dataclass(slots=True)
class Login:
    tenant: Tenant
    clock: Callable[[], float]
    origin: str = ""
    resources: list[str] = field(default_factory=lambda: list(GRAPH_HOSTS))
    """The addresses of Graph that a scope may name."""
    issued: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Token -> claims."""
    trusted: Callable[[str], bool] = lambda _: False
    """Whether an assertion really comes from its issuer."""
    not_yet: int = 0
    """So many requests with an assertion are refused: a new federated credential takes minutes to work."""

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer with a status and a document."""
        tenant, _, path = unquote(urlsplit(target).path).removeprefix("/").partition("/")
        if method == "GET" and path == "v2.0/.well-known/openid-configuration":
            return 200, self._configuration(tenant)
        if method != "POST" or path != "oauth2/v2.0/token":
            return 404, {"error": "not_found", "error_description": "There is no such page."}
        form = {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        try:
            return 200, self._token(tenant, form)
        except LoginError as refused:
            return refused.status, self._error(refused)

    def issue(self, app: AppRegistration, *, resource: str = GRAPH_HOSTS[0], lifetime: int | None = None) -> str:
        """Issue an access token."""
        now = int(self.clock())
        claims = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{self.tenant.id}/",
            "iat": now,
            "nbf": now,
            "exp": now + (app.token_lifetime if lifetime is None else lifetime),
            "app_displayname": app.name,
            "appid": app.client_id,
            "idtyp": "app",
            "roles": list(app.roles),
            "tid": self.tenant.id,
            "ver": "1.0",
        }
        token = issue(claims)
        self.issued[token] = claims
        return token

    def roles(self, token: str) -> frozenset[str] | None:
        """The permissions of a token that was issued and still counts."""
        claims = self.issued.get(token)
        if claims is None or claims["exp"] <= self.clock():
            return None
        return frozenset(claims["roles"])

    def _configuration(self, tenant: str) -> dict[str, Any]:
        base = f"{self.origin}/{tenant}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "tenant_region_scope": "EU",
        }

    def _token(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        if tenant.casefold() not in {self.tenant.id, *(domain.casefold() for domain in self.tenant.domains)}:
            text = (
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into"
                " the correct cloud. Check with your subscription administrator, this may happen if there are no"
                " active subscriptions for the tenant."
            )
            raise LoginError(90002, text, "invalid_request", 400)
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                text = f"The request body must contain the following parameter: '{name}'."
                raise LoginError(900144, text, "invalid_request", 400)
        if form["grant_type"] != "client_credentials":
            raise LoginError(70003, "The app requested an unsupported grant type.", "unsupported_grant_type", 400)
        app = self._app(form["client_id"])
        self._check_credential(app, form)
        if app.blocked:
            text = (
                "Access has been blocked by Conditional Access policies. The access policy does not allow token"
                " issuance."
            )
            raise LoginError(53003, text, "access_denied", 400)
        lifetime = app.token_lifetime
        token = self.issue(app, resource=self._resource(form["scope"]))
        return {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}

    def _app(self, client_id: str) -> AppRegistration:
        app = next((app for app in self.tenant.apps if app.client_id == client_id.casefold()), None)
        if app is None:
            text = (
                f"Application with identifier '{client_id}' was not found in the directory '{self.tenant.name}'. This"
                " can happen if the application has not been installed by the administrator of the tenant or consented"
                " to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
            )
            raise LoginError(700016, text, "unauthorized_client", 400)
        return app

    def _resource(self, scope: str) -> str:
        resource, _, rest = scope.rpartition("/")
        if rest != ".default":
            text = (
                "Client credential flows must have a scope value with /.default suffixed to the resource identifier"
                f" (application ID URI). The provided value for scope {scope} is not valid."
            )
            raise LoginError(1002012, text, "invalid_scope", 400)
        if resource not in self.resources:
            text = f"The resource principal named {resource} was not found in the tenant named {self.tenant.name}."
            raise LoginError(500011, text, "invalid_resource", 400)
        return resource

    def _check_credential(self, app: AppRegistration, form: Mapping[str, str]) -> None:
        if "client_assertion" in form:
            if form.get("client_assertion_type") != _ASSERTION:
                raise LoginError(50027, "JWT token is invalid or malformed.", "invalid_request", 400)
            self._check_assertion(app, form["client_assertion"])
            return
        if "client_secret" not in form:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise LoginError(7000218, text)
        if form["client_secret"] != app.secret:
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret"
                f" value, not the client secret ID, for a secret added to app '{app.client_id}'."
            )
            raise LoginError(7000215, text)
        if app.secret_expired:
            text = (
                f"The provided client secret keys for app '{app.client_id}' are expired. Visit the Azure portal to"
                " create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate"
                " credentials for added security: https://aka.ms/certCreds."
            )
            raise LoginError(7000222, text)

    def _check_assertion(self, app: AppRegistration, assertion: str) -> None:
        claims = claims_of(assertion)
        if claims is None:
            raise LoginError(50027, "JWT token is invalid or malformed.", "invalid_request", 400)
        credentials = app.federated
        head = "No matching federated identity record found for presented assertion"
        if self.not_yet or not credentials:
            self.not_yet = max(0, self.not_yet - 1)
            text = (
                f"{head}. Assertion Issuer: '{claims.get('iss')}'. Assertion Subject: '{claims.get('sub')}'. Assertion"
                f" Audience: '{claims.get('aud')}'. {_FEDERATION}"
            )
            raise LoginError(70021, text, "invalid_request", 400)
        credentials = [one for one in credentials if one.issuer == claims.get("iss")]
        if not credentials:
            raise LoginError(700211, f"{head} issuer '{claims.get('iss')}'. {_FEDERATION}")
        self._check_subject(credentials, claims, head)
        if not self.trusted(assertion):
            raise LoginError(
                700027, "The certificate with identifier used to sign the client assertion is not registered."
            )
        now = self.clock()
        if not claims["nbf"] <= now < claims["exp"]:
            text = (
                f"Client assertion is not within its valid time range. Current time: {_time(now)}, assertion valid from"
                f" {_time(claims['nbf'])}, expiry time of assertion {_time(claims['exp'])}."
            )
            raise LoginError(700024, text)

    def _check_subject(self, credentials: list[FederatedCredential], claims: Mapping[str, Any], head: str) -> None:
        subject = str(claims.get("sub"))
        same = [one for one in credentials if one.subject == subject]
        if not same:
            if any(one.subject.casefold() == subject.casefold() for one in credentials):
                text = (
                    f"{head} subject '{subject}'. The subject matches with case-insensitive comparison, but not with"
                    f" case-sensitive comparison. {_FEDERATION}"
                )
                raise LoginError(7002138, text)
            text = (
                f"{head} subject '{subject}'. Check your federated identity credential Subject, Audience and Issuer"
                f" against the presented assertion. {_FEDERATION}"
            )
            raise LoginError(700213, text)
        if all(one.audience != claims.get("aud") for one in same):
            raise LoginError(700212, f"{head} audience '{claims.get('aud')}'. {_FEDERATION}")

    def _error(self, refused: LoginError) -> dict[str, Any]:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        time = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        text = (
            f"AADSTS{refused.number}: {refused.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"
        )
        return {
            "error": refused.error,
            "error_description": text,
            "error_codes": [refused.number],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{self.origin}/error?code={refused.number}",
        }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
