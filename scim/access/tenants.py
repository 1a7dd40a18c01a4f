"""A tenant as the registry keeps it: its key, its name, whether it may be used, and what it has of its own."""

import re
from dataclasses import asdict, dataclass
from typing import Literal

from scim.access.token import random_text
from scim.protocol.resource import to_json
from scim.storage.damage import record_in
from scim.storage.rows import Row

DEFAULT_KEY = "scim"
"""The key of the tenant that is there without any row: its Tenant URL ends in /scim/v2."""
KEY_LENGTH = 20
"""Characters of any other key: 96 random bits and more, and nothing that tells whose it is."""
_KEY = re.compile(rf"[a-z][a-z2-7]{{{KEY_LENGTH - 1}}}")
MAX_NAME = 200

Status = Literal["active", "suspended", "deleting", "deleted"]


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """One tenant. What is None or empty is as the settings of the service say.

    Times are in the form of `meta.lastModified`. `due` is, of a tenant that is being deleted, when its rows go.
    """

    key: str
    name: str = ""
    status: Status = "active"
    created: str = ""
    due: str = ""
    retention_days: int | None = None
    """Days that change rows are kept, as the next two are of events and of the journal."""
    event_retention_days: int | None = None
    journal_days: int | None = None
    filterable: tuple[str, ...] | None = None
    schemas: str = ""
    """Changes with each change of the tenant's own extension schemas; empty while it has none."""
    rate: int | None = None
    burst: int | None = None
    capture: str = ""
    """What is captured of the tenant's requests, as `directory/capture` keeps it; empty while nothing is."""
    seats: int | None = None
    """The most active users; None for any number."""
    guards: dict[str, str] | None = None
    """By the id of a group that is guarded, how: on or strict."""

    def body(self) -> str:
        """Return the text that the registry keeps."""
        return to_json({name: value for name, value in asdict(self).items() if value not in (None, "", {})})


def tenant_in(row: Row) -> TenantRecord:
    """Return the tenant that a row of the registry holds. Raises Damaged."""
    return TenantRecord(**record_in(row, TenantRecord))


def new_key() -> str:
    """Return a key for a tenant: 20 random characters of base32 in lower case, a letter first."""
    while not (key := random_text(KEY_LENGTH))[0].isalpha():
        continue
    return key


def as_key(text: str) -> str | None:
    """Return the key that a segment of an address names, whatever its case; None when it can be no tenant's."""
    key = text.lower()
    return key if key == DEFAULT_KEY or _KEY.fullmatch(key) else None
