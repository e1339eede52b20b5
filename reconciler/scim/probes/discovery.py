"""What a service says about itself (RFC 7644 section 4), and which endpoints it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.check import Answer
from reconciler.core.paths import get
from reconciler.core.untrusted_values import parse_count
from reconciler.scim.cursor_paging import parse_pagination
from reconciler.scim.probes.asking import Asker, BodyKind, Grounds, Reply
from reconciler.scim.probes.verdicts import Fact, ok, skip, warn

QUESTIONS = ("discovery", "service_config", "patch", "groups", "unknown_endpoint")
DOCUMENTS = ("ServiceProviderConfig", "Schemas", "ResourceTypes")
_UNKNOWN = "/ReconcilerCheckOfUnknownEndpoint"
_SCHEMES = frozenset({"oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest"})
"""RFC 7643 section 5."""
_LEARNT_LATER = "which forms of PATCH it takes is learnt by the first apply (docs/service-habits.md)"
_ABSENT = (404, 410, 501)


@dataclass(frozen=True)
class DiscoveryFindings:
    """Answers by document, and those of two endpoints that Reconciler does not use."""

    documents: Mapping[str, Reply]
    groups: Reply
    unknown: Reply

    @property
    def config(self) -> Mapping[str, Any]:
        """The ServiceProviderConfig; empty if there is none."""
        reply = self.documents["ServiceProviderConfig"]
        return reply.body if reply.is_object else {}

    @property
    def grounds(self) -> Grounds:
        """The replies that each answer rests on."""
        config = (self.documents["ServiceProviderConfig"],)
        return {
            "discovery": tuple(self.documents.values()),
            "service_config": config,
            "patch": config,
            "groups": (self.groups,),
            "unknown_endpoint": (self.unknown,),
        }


def read_discovery(asker: Asker) -> DiscoveryFindings:
    """Ask for the documents and the endpoints, with 5 requests."""
    documents = {name: asker.get(f"/{name}") for name in DOCUMENTS}
    return DiscoveryFindings(documents, asker.get("/Groups", {"count": "1"}), asker.get(_UNKNOWN))


def judge_discovery(found: DiscoveryFindings) -> list[Answer]:
    """Return the answers about the documents and the endpoints."""
    return [
        _judge_documents(found),
        _judge_config(found.config),
        _judge_patch(found.config),
        _judge_groups(found.groups),
        _judge_unknown(found.unknown),
    ]


def _judge_documents(found: DiscoveryFindings) -> Answer:
    name = "discovery"
    facts: dict[str, Fact] = {_fact_name(each): reply.status for each, reply in found.documents.items()}
    there = [each for each, reply in found.documents.items() if reply.is_object]
    odd = {each: reply for each, reply in found.documents.items() if each not in there and reply.status not in _ABSENT}
    if odd:
        shown = ", ".join(f"/{each}: {reply.describe()}" for each, reply in odd.items())
        return warn(name, f"neither a document nor 404: {shown}", "Nothing to do: none of them is needed.", **facts)
    if not there:
        return ok(name, "the service has no discovery documents (404), and none is needed", **facts)
    missing = [f"/{each}" for each in found.documents if each not in there]
    note = f", not {', '.join(missing)}" if missing else ""
    return ok(name, f"the service has {', '.join(f'/{each}' for each in there)}{note}", **facts)


def _fact_name(document: str) -> str:
    return {"ServiceProviderConfig": "config", "Schemas": "schemas", "ResourceTypes": "resource_types"}[document]


def _judge_config(config: Mapping[str, Any]) -> Answer:
    name = "service_config"
    if not config:
        return skip(name, "not learnt: there is no /ServiceProviderConfig")
    facts = list_claims(config)
    said = [key for key, value in facts.items() if value is True]
    denied = [key for key, value in facts.items() if value is False]
    claims = [f"it has {', '.join(said)}"] * bool(said) + [f"not {', '.join(denied)}"] * bool(denied)
    if not claims:
        advice = "Nothing to do: what the service does is learnt from its answers."
        return warn(name, "/ServiceProviderConfig says nothing that can be read", advice, **facts)
    return ok(name, f"the service says that {', '.join(claims)}", **facts)


def list_claims(config: Mapping[str, Any]) -> dict[str, Fact]:
    """Return what a ServiceProviderConfig claims; None: it does not say, or cannot be read."""
    features = ("patch", "bulk", "filter", "sort", "etag", "changePassword")
    claims: dict[str, Fact] = {each: _is_supported(config, each) for each in features}
    pagination = parse_pagination(dict(config))
    claims |= {"cursor": pagination.cursor, "index": pagination.index}
    claims["filter_max_results"] = parse_count(get(get(config, "filter"), "maxResults"))
    claims["authentication"] = ", ".join(sorted(_list_schemes(config)))
    return claims


def _is_supported(config: Mapping[str, Any], feature: str) -> bool | None:
    found = get(get(config, feature), "supported")
    return found if isinstance(found, bool) else None


def _list_schemes(config: Mapping[str, Any]) -> set[str]:
    schemes = get(config, "authenticationSchemes")
    found = [each.get("type") for each in schemes if isinstance(each, dict)] if isinstance(schemes, list) else []
    return {each if isinstance(each, str) and each in _SCHEMES else "other" for each in found}


def _judge_patch(config: Mapping[str, Any]) -> Answer:
    supported = _is_supported(config, "patch")
    if supported is False:
        advice = "Apply creates and deletes accounts, and skips changes of others: exit code 5."
        return warn("patch", "the service says that it does not take PATCH", advice, supported=supported)
    says = "says that it takes PATCH" if supported else "does not say whether it takes PATCH"
    return ok("patch", f"the service {says}; {_LEARNT_LATER}", supported=supported)


def _judge_groups(reply: Reply) -> Answer:
    what = "the service has no /Groups" if reply.status in _ABSENT else f"/Groups is answered with {reply.describe()}"
    if reply.failure:
        return warn("groups", what, "Nothing to do: Reconciler does not use it.", status=reply.status)
    return ok("groups", f"{what}; Reconciler does not use it", status=reply.status)


def _judge_unknown(reply: Reply) -> Answer:
    name = "unknown_endpoint"
    if reply.status in _ABSENT and reply.kind is not BodyKind.WEB_PAGE:
        return ok(name, f"an endpoint that does not exist is answered with {reply.status}", status=reply.status)
    advice = "Something else may answer in place of the service: check target.base_url."
    return warn(
        name, f"an endpoint that does not exist is answered with {reply.describe()}", advice, status=reply.status
    )
