"""Settings: what the environment may say, and how a mistake in it is told."""

from dataclasses import asdict
from pathlib import Path

import pytest

from scim.settings import DEFAULT_FILTERABLE, Settings, SettingsError

TOKEN = "a-token-of-sixteen-or-more"
ENOUGH = {"SCIM_STORAGE": "sqlite::memory:", "SCIM_TOKEN": TOKEN}


def read(**environ: str) -> Settings:
    return Settings.from_environ(ENOUGH | environ)


def test_storage_and_a_token_are_enough() -> None:
    """Everything else has a default, and an empty setting counts as not set, as Azure leaves them."""
    settings = read(SCIM_BASE_URL="", SCIM_SCAN_ROWS=" ", PATH="/bin")
    assert settings == Settings(storage="sqlite::memory:", token=(TOKEN,))
    assert (settings.tenant, settings.filterable, settings.scan_rows) == ("scim", DEFAULT_FILTERABLE, 20_000)


def test_each_setting_is_read() -> None:
    """Names are SCIM_ and the field's name in capitals, but for those that others name."""
    settings = Settings.from_environ(
        {
            "SCIM_STORAGE": "https://contoso.table.core.windows.net",
            "SCIM_KEY_VAULT": "https://contoso.vault.azure.net",
            "SCIM_ADMIN_TOKEN": f"{TOKEN}-of-the-operator",
            "SCIM_TENANT": "contoso1",
            "SCIM_BASE_URL": "https://scim.contoso.example/scim/v2",
            "SCIM_FILTERABLE": "externalId, title,",
            "SCIM_SCHEMAS": "extensions",
            "SCIM_SCAN_ROWS": "500",
            "SCIM_SCAN_SECONDS": "1.5",
            "SCIM_REQUEST_SECONDS": "90",
            "SCIM_CHANGE_RETENTION_DAYS": "7",
            "SCIM_JOURNAL": "Off",
            "SCIM_JOURNAL_DAYS": "14",
            "SCIM_JOURNAL_NAMES": "masked",
            "SCIM_CONSOLE": "off",
            "SCIM_MANAGE_ADDRESSES": "203.0.113.7, 2001:DB8::/32",
            "SCIM_ACCESS_TOKEN_SECONDS": "21600",
            "SCIM_EVENT_RETENTION_DAYS": "8",
            "SCIM_RATE": "50",
            "SCIM_BURST": "60",
            "SCIM_CONCURRENT": "8",
            "SCIM_TRUSTED_PROXIES": "2",
            "SCIM_WEBHOOK_KEY": "k" * 32,
            "SCIM_SIGNING_KEY": "keys/signing.pem",
            "SCIM_WEBHOOK_HOSTS": "App.contoso.internal, 10.1.2.3:8443",
            "SCIM_HINTS__queueServiceUri": "https://contoso.queue.core.windows.net",
            "AZURE_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
        }
    )
    assert asdict(settings) == {
        "storage": "https://contoso.table.core.windows.net",
        "token": (),
        "admin_token": (f"{TOKEN}-of-the-operator",),
        "key_vault": "https://contoso.vault.azure.net",
        "tenant": "contoso1",
        "base_url": "https://scim.contoso.example/scim/v2",
        "filterable": ("externalId", "title"),
        "schemas": Path("extensions"),
        "scan_rows": 500,
        "scan_seconds": 1.5,
        "request_seconds": 90,
        "change_retention_days": 7,
        "access_token_seconds": 21600,
        "event_retention_days": 8,
        "rate": 50,
        "burst": 60,
        "concurrent": 8,
        "trusted_proxies": 2,
        "webhook_key": "k" * 32,
        "signing_key": Path("keys/signing.pem"),
        "webhook_hosts": ("app.contoso.internal", "10.1.2.3:8443"),
        "journal": False,
        "journal_days": 14,
        "journal_names": "masked",
        "console": False,
        "manage_addresses": ("203.0.113.7/32", "2001:db8::/32"),
        "hints": "https://contoso.queue.core.windows.net",
        "client_id": "11111111-2222-3333-4444-555555555555",
    }


@pytest.mark.parametrize(
    ("hostname", "base_url"),
    [
        ("func-scim.azurewebsites.net", "https://func-scim.azurewebsites.net/scim/v2"),
        ("localhost:7071", ""),
        ("127.0.0.1:7071", ""),
        (" ", ""),
    ],
)
def test_the_platform_s_host_name_is_the_address(hostname: str, base_url: str) -> None:
    """So that a forged Host header decides nothing; the Core Tools set it too, to a machine without https."""
    assert read(WEBSITE_HOSTNAME=hostname).base_url == base_url
    own = "https://scim.contoso.example/scim/v2"
    assert read(WEBSITE_HOSTNAME=hostname, SCIM_BASE_URL=own).base_url == own


def test_several_tokens_are_separated_by_commas() -> None:
    """The current and the next one are valid at once while a token is rotated."""
    assert read(SCIM_TOKEN=f"{TOKEN}-old, {TOKEN}-new").token == (f"{TOKEN}-old", f"{TOKEN}-new")


@pytest.mark.parametrize("missing", ["SCIM_STORAGE", "SCIM_TOKEN"])
def test_what_is_missing_is_named(missing: str) -> None:
    """Neither the store nor the token has a default that would be safe."""
    with pytest.raises(SettingsError, match=missing):
        Settings.from_environ({name: value for name, value in ENOUGH.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SCIM_TOKEN", "short", "16 characters"),
        ("SCIM_TOKEN", f"{TOKEN},short", "16 characters"),
        ("SCIM_TOKEN", "@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/x)", "SCIM_KEY_VAULT"),
        ("SCIM_CONSOLE", "no", "on or off"),
        ("SCIM_MANAGE_ADDRESSES", "contoso.com", "addresses or networks"),
        ("SCIM_MANAGE_ADDRESSES", "10.0.0.1/8", "host bits"),
        ("SCIM_TENANT", "has space", "letters and digits"),
        ("SCIM_TENANT", "ab", "letters and digits"),
        ("SCIM_TENANT", "1scim", "a letter first"),
        ("SCIM_TENANT", "Scim", "lower-case"),
        ("SCIM_TENANT", "tables", "not 'tables'"),
        ("SCIM_REQUEST_SECONDS", "0", "greater than 0"),
        ("SCIM_BASE_URL", "scim.contoso.example", "https://"),
        ("SCIM_BASE_URL", "https://x.example?a=b", "https://"),
        ("SCIM_BASE_URL", "https://m\u00fcller.example/scim/v2", "ASCII"),
        ("SCIM_TRUSTED_PROXIES", "11", "0 to 10"),
        ("SCIM_SCAN_ROWS", "many", "whole number"),
        ("SCIM_SCAN_ROWS", "99", "100"),
        ("SCIM_SCAN_SECONDS", "0", "greater than 0"),
        ("SCIM_SCAN_SECONDS", "201", "200"),
        ("SCIM_SCAN_SECONDS", "nan", "SCIM_SCAN_SECONDS"),
        ("SCIM_CHANGE_RETENTION_DAYS", "0", "1"),
        ("SCIM_CHANGE_RETENTION_DAYS", "36501", "36500"),
        ("SCIM_EVENT_RETENTION_DAYS", "0", "1"),
        ("SCIM_EVENT_RETENTION_DAYS", "367", "366"),
        ("SCIM_WEBHOOK_KEY", "short", "32 characters|fewer than 32"),
        ("SCIM_WEBHOOK_KEY", "@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/x)", "SCIM_KEY_VAULT"),
        ("SCIM_HINTS__queueServiceUri", "UseDevelopmentStorage=true", "queue service"),
        ("SCIM_WEBHOOK_HOSTS", "https://app.contoso.internal", "hosts"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(name: str, value: str, reason: str) -> None:
    """The error begins with the setting, says what to set, and does not repeat what may be a secret."""
    with pytest.raises(SettingsError, match=reason) as caught:
        read(**{name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert "short" not in str(caught.value)
    assert "SecretUri" not in str(caught.value)


def test_a_list_without_a_token_is_refused() -> None:
    """A stray comma must not start a service that refuses everybody."""
    with pytest.raises(SettingsError, match="SCIM_TOKEN: has no token in it"):
        Settings.from_environ(ENOUGH | {"SCIM_TOKEN": ","})


def test_what_serves_nobody_needs_no_token() -> None:
    """`verify`, `export` and `import` work on the store alone."""
    assert Settings.from_environ({"SCIM_STORAGE": "sqlite::memory:"}, serving=False).token == ()


@pytest.mark.parametrize(
    ("name", "value"), [("SCIM_STORAGE", "sqlite:"), ("SCIM_STORAGE", "https://"), ("SCIM_KEY_VAULT", "kv-contoso")]
)
def test_an_address_that_leads_nowhere_is_refused(name: str, value: str) -> None:
    """At the start, not at the first request; and a store that would be gone at the next start is none."""
    with pytest.raises(SettingsError, match=name):
        Settings.from_environ(ENOUGH | {name: value})
