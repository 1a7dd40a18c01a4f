"""The settings of the service, read once from the environment. docs/settings.md explains each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_FILTERABLE = ("externalId", "emails.value", "employeeNumber", "manager.value")


class SettingsError(Exception):
    """A setting is missing or wrong; the text names it and says what to set."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator chooses, from app settings named `SCIM_` and the field's name in capitals."""

    storage: str
    """`sqlite:<path>`, `sqlite::memory:`, a connection string, or `https://<account>.table.core.windows.net`."""
    token: tuple[str, ...] = ()
    """Secret tokens that are valid, at least one without a key vault; more than one while a token is rotated."""
    admin_token: tuple[str, ...] = ()
    """Operator's tokens, without a key vault: who has one may manage tenants and credentials."""
    key_vault: str = ""
    """Address of the key vault that has the secrets `scim-token` and `scim-admin-token`."""
    tenant: str = "scim"
    """Name of the default tenant's table and partition."""
    base_url: str = ""
    """Address of the SCIM root that clients use; without one that of the platform, or else the one requests show."""
    filterable: tuple[str, ...] = DEFAULT_FILTERABLE
    """Attributes that have look-up rows, so that `eq` on them is fast at any size."""
    schemas: Path | None = None
    """Folder with schema documents of extensions."""
    scan_rows: int = 20_000
    """Rows that a search without look-up may read."""
    scan_seconds: float = 20.0
    """Seconds that a search without look-up may take."""
    request_seconds: float = 60.0
    """Seconds within which a request is answered, whatever it does."""
    change_retention_days: int = 90
    """Days for which change rows are kept."""
    access_token_seconds: int = 3600
    """Seconds that an access token of an OAuth client lives."""
    event_retention_days: int = 30
    """Days for which events are kept in the feed."""
    rate: int | None = None
    """Requests a second of one credential in the long run, in each process; None for `access/limits`' own."""
    burst: int | None = None
    """Requests of one credential that may come at once after a pause, in each process; None likewise."""
    concurrent: int = 0
    """Requests of one credential that are answered at a time while others are served too; 0 for no bound."""
    trusted_proxies: int = 0
    """Proxies of the operator's own in front of the service, whose entries in X-Forwarded-For are believed."""
    webhook_key: str = ""
    """What the secrets of webhooks are made of, without a key vault."""
    signing_key: Path | None = None
    """File with the keys that sign security events, without a key vault."""
    webhook_hosts: tuple[str, ...] = ()
    """Receivers, as `host` or `host:port`, that may be in a private network or listen on that port."""
    journal: bool = True
    """Whether requests are written to the journal."""
    journal_days: int = 30
    """Days for which requests are kept in the journal, and the counts of each hour."""
    journal_names: str = "plain"
    """How names of users and groups stand in the journal: plain, or masked."""
    console: bool = True
    """Whether there is the page for administrators, `/console`."""
    manage_addresses: tuple[str, ...] = ()
    """Networks from which `/manage` and `/console` may be used; none is all."""
    hints: str = ""
    """Address of the queue service that has the queue of hints, in the setting that the host's trigger reads too."""
    client_id: str = ""
    """Client id of the managed identity; the setting is `AZURE_CLIENT_ID`, as the Azure SDKs know it."""

    @property
    def storage_file(self) -> Path | None:
        """The SQLite file in which everything is kept; None where it is kept elsewhere, or in memory."""
        path = self.storage.removeprefix("sqlite:")
        return None if path in (self.storage, ":memory:") else Path(path)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, serving: bool = True) -> "Settings":
        """Return the settings that an environment holds; empty ones count as not set.

        Commands that serve nobody need no token source. Raises SettingsError naming the first setting that is
        missing or wrong.
        """
        values = {}
        for field, read in _READERS.items():
            variable = variable_of(field)
            if text := environ.get(variable, "").strip():
                try:
                    values[field] = read(text)
                except ValueError as error:
                    raise SettingsError(f"{variable}: {error}") from None
        if "storage" not in values:
            raise SettingsError(
                "SCIM_STORAGE is not set. Set it to https://<account>.table.core.windows.net, to a storage connection"
                " string (UseDevelopmentStorage=true for Azurite), or to sqlite:<path>, which is sqlite:.local/scim.db"
                " with make run."
            )
        if serving and "token" not in values and "key_vault" not in values:
            raise SettingsError(
                "No token source is set. Set SCIM_KEY_VAULT to the address of the key vault that holds the secret"
                " scim-token, or, on your own machine, SCIM_TOKEN to a secret token of 16 characters or more."
            )
        if host := _platform_host(environ):
            values.setdefault("base_url", f"https://{host}/scim/v2")
        return cls(**values)


def variable_of(field: str) -> str:
    """Return the name of the setting that a field is read from."""
    return _NAMED_BY_OTHERS.get(field, f"SCIM_{field.upper()}")


def _platform_host(environ: Mapping[str, str]) -> str:
    """Return the host name that Azure gives the app, "" elsewhere: the Core Tools set it to this machine's.

    https://learn.microsoft.com/azure/app-service/reference-app-settings
    """
    host = environ.get("WEBSITE_HOSTNAME", "").strip()
    return "" if host.partition(":")[0] in ("localhost", "127.0.0.1", "0.0.0.0") else host  # noqa: S104


_NAMED_BY_OTHERS = {"client_id": "AZURE_CLIENT_ID", "hints": "SCIM_HINTS__queueServiceUri"}


def _storage(text: str) -> str:
    if text in ("sqlite:", "https://"):
        raise ValueError("names no place; use sqlite:<path>, or https://<account>.table.core.windows.net")
    return text


def _separated(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _tokens(text: str) -> tuple[str, ...]:
    tokens = _separated(text)
    if not tokens:
        raise ValueError("has no token in it")
    if any(token.startswith("@Microsoft.KeyVault(") for token in tokens):
        raise ValueError("is a Key Vault reference that was not resolved; set SCIM_KEY_VAULT instead")
    if any(len(token) < 16 for token in tokens):
        raise ValueError("has a token of fewer than 16 characters, which can be guessed")
    return tokens


def _webhook_key(text: str) -> str:
    if text.startswith("@Microsoft.KeyVault("):
        raise ValueError("is a Key Vault reference that was not resolved; set SCIM_KEY_VAULT instead")
    if len(text) < 32:
        raise ValueError("has fewer than 32 characters, and can be guessed")
    return text


def _webhook_hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(each.lower() for each in _separated(text))
    if not all(re.fullmatch(r"[a-z0-9.-]+(:[0-9]{1,5})?", each) for each in hosts):
        raise ValueError("must be hosts, separated by commas, as in app.contoso.internal,10.1.2.3:8443")
    return hosts


def _networks(text: str) -> tuple[str, ...]:
    from ipaddress import ip_network  # here, since few set it

    try:
        return tuple(str(ip_network(each)) for each in _separated(text))
    except ValueError as error:
        raise ValueError(
            f"must be addresses or networks, separated by commas, as in 203.0.113.7,2001:db8::/32: {error}"
        ) from None


def _matching(pattern: str, expected: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {expected}")
        return text

    return read


def _one_of(known: Mapping[str, Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if text.lower() not in known:
            raise ValueError(f"must be {' or '.join(known)}")
        return known[text.lower()]

    return read


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text[:20]) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 200:
        raise ValueError("must be a number of seconds greater than 0, and 200 at most")
    return seconds


_READERS: dict[str, Callable[[str], Any]] = {
    "storage": _storage,
    "token": _tokens,
    "admin_token": _tokens,
    "key_vault": _matching(
        r"https://[^\s/?#]+/?", "the address of a key vault, such as https://kv-contoso.vault.azure.net"
    ),
    "tenant": _matching(
        r"(?!registry|tables$)[a-z][a-z0-9]{2,54}",
        "3 to 55 lower-case letters and digits, a letter first; not 'tables', and not beginning with 'registry', where"
        " the tenants are registered",
    ),
    "base_url": _matching(
        r"https?://(?:(?![?#])[!-~])+", "an address in ASCII such as https://scim.contoso.com/scim/v2"
    ),
    "filterable": _separated,
    "schemas": Path,
    "scan_rows": _whole_number(100, 1_000_000_000),
    "scan_seconds": _seconds,
    "request_seconds": _seconds,
    "change_retention_days": _whole_number(1, 36_500),
    "access_token_seconds": _whole_number(300, 21_600),
    "event_retention_days": _whole_number(1, 366),
    "rate": _whole_number(1, 100_000),
    "burst": _whole_number(1, 1_000_000),
    "concurrent": _whole_number(0, 1_000),
    "trusted_proxies": _whole_number(0, 10),
    "webhook_key": _webhook_key,
    "signing_key": Path,
    "webhook_hosts": _webhook_hosts,
    "journal": _one_of({"on": True, "off": False}),
    "journal_days": _whole_number(1, 366),
    "journal_names": _one_of({"plain": "plain", "masked": "masked"}),
    "console": _one_of({"on": True, "off": False}),
    "manage_addresses": _networks,
    "hints": _matching(
        r"https://[^\s/?#]+/?", "the address of a queue service, such as https://contoso.queue.core.windows.net"
    ),
    "client_id": str,
}
"""By field, what reads the text of its setting, or raises ValueError saying what the setting must be.

By hand, since pydantic is slow to import and a service that starts has settings before anything else.
"""
