"""Credentials: what a token may do, for which tenant, and until when."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal, get_args

from scim.access.tenants import DEFAULT_KEY
from scim.protocol.resource import parse_date_time, to_json
from scim.storage.damage import Damaged, fields_of, known_in
from scim.storage.rows import Row

Scope = Literal["provision", "read", "events", "admin", "operator"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

ALLOWED: dict[Scope, frozenset[Scope]] = {
    "provision": frozenset({"provision", "read"}),
    "read": frozenset({"read", "events"}),
    "events": frozenset({"events"}),
    "admin": frozenset({"admin"}),
    "operator": frozenset({"admin", "operator"}),
}
"""By the scope that a credential has, what it may do. What a route asks for is one of these."""

KEY_VAULT = "key-vault"
"""Id and name of the credential whose token is the secret `scim-token`; it has no row."""
OPERATOR = "operator-token"
"""Id and name of the credential whose token is the secret `scim-admin-token`; it has no row."""

Kind = Literal["token", "client", "federated", "access", "vault"]
"""A secret token; an OAuth client with a secret; one that shows an assertion of Entra; an access token of either; a
secret of the key vault."""


@dataclass(frozen=True, slots=True)
class Federation:
    """Whose assertions a federated client takes: Entra's tenant, its subjects, its audiences, its cloud."""

    entra_tenant: str
    subjects: tuple[str, ...]
    audiences: tuple[str, ...]
    cloud: str = "public"


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential as the registry keeps it. Times are in the form of `meta.lastModified`, empty for never.

    `tenant` is the tenant's key, empty for an operator's. `digest` is the SHA-256 of the secret in hexadecimal digits,
    empty for a federated client. `client` is, of an access token, the credential that it was issued to.
    """

    id: str
    tenant: str
    name: str
    scope: Scope
    kind: Kind = "token"
    created: str = ""
    expires: str = ""
    revoked: str = ""
    digest: str = field(default="", repr=False)
    strict: bool = False
    client: str = ""
    federation: Federation | None = None

    def body(self) -> str:
        """Return the text that the registry keeps."""
        return to_json({name: value for name, value in asdict(self).items() if value})

    def valid(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return not self.revoked and (not self.expires or now < moment(self.expires))

    def status(self, now: datetime) -> str:
        """Return active, expired or revoked."""
        return "revoked" if self.revoked else "active" if self.valid(now) else "expired"


WITHOUT_ROWS = {
    KEY_VAULT: Credential(KEY_VAULT, DEFAULT_KEY, KEY_VAULT, "provision", "vault"),
    OPERATOR: Credential(OPERATOR, "", OPERATOR, "operator", "vault"),
}
"""The credentials that are secrets of the key vault, or settings, by their ids."""


def credential_in(row: Row) -> Credential:
    """Return the credential that a row of the registry holds. Raises Damaged."""
    read = {"tenant": "", "name": "", **known_in(row)}
    try:
        if federation := read.get("federation"):
            read["federation"] = Federation(**fields_of(Federation, federation))
        credential = Credential(**fields_of(Credential, read))
        if credential.expires:
            moment(credential.expires)
    except (ValueError, TypeError) as error:
        raise Damaged(row.key, f"it is no credential: {error}") from None
    return credential


def moment(text: str) -> datetime:
    """Return the instant of a time that the registry keeps. Raises ValueError on text that is none."""
    read = parse_date_time(text)
    if read is None:
        raise ValueError(f"'{text[:40]}' is no time")
    return read
