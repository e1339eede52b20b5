"""App registrations: who may get a token, by which credential, with which application permissions."""

from __future__ import annotations

from dataclasses import dataclass, field

PEOPLE = ("User.Read.All", "GroupMember.Read.All", "Application.Read.All")
"""What `import entra` needs at least."""
ALL_READS = (*PEOPLE, "Synchronization.Read.All", "AuditLog.Read.All")
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """Lets a token of another issuer stand in for a secret; compared exactly."""

    subject: str
    issuer: str = GITHUB_ISSUER
    audience: str = "api://AzureADTokenExchange"


@dataclass(slots=True)
class AppRegistration:
    client_id: str
    name: str = "Reconciler"
    secret: str = "8Q~right-secret+of/the=app&more%"
    """Holds characters that a form must escape."""
    secret_id: str = "5f1d2c3b-0000-4000-8000-000000000001"
    secret_expired: bool = False
    secret_ends: str = "2199-01-01T00:00:00Z"
    """Far ahead: what ends soon is noted."""
    further_secrets: list[tuple[str, str]] = field(default_factory=list)
    """The end of each, and the first characters, which Graph tells."""
    certificate_ends: list[str] = field(default_factory=list)
    federated: list[FederatedCredential] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    blocked: bool = False
    """Conditional access blocks it."""
    token_lifetime: int = 3599
    """Seconds."""


def reader(client_id: str) -> AppRegistration:
    """Build the registration of an app with every permission to read that we know of."""
    return AppRegistration(client_id, roles=list(ALL_READS))
