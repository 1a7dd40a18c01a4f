"""The settings of the service, read once from the environment. docs/settings.md explains each."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

DEFAULT_FILTERABLE = ("externalId", "emails.value", "employeeNumber", "manager.value")


class SettingsError(Exception):
    """A setting is missing or wrong; the text names it and says what to set."""


class Settings(BaseModel):
    """What an operator chooses, from app settings named `SCIM_` and the field's name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    storage: str
    """`sqlite:<path>`, `sqlite::memory:`, a connection string, or `https://<account>.table.core.windows.net`."""
    token: tuple[str, ...] = ()
    """Secret tokens that are valid, at least one without a key vault; more than one while a token is rotated."""
    key_vault: str = ""
    """Address of the key vault that has the secret `scim-token`."""
    tenant: str = "scim"
    """Name of the table and of the partition."""
    base_url: str = ""
    """Address of the SCIM root that clients use, where it is not the one that requests show."""
    filterable: tuple[str, ...] = DEFAULT_FILTERABLE
    """Attributes that have look-up rows, so that `eq` on them is fast at any size."""
    schemas: Path | None = None
    """Folder with schema documents of extensions."""
    scan_rows: int = Field(default=20_000, ge=100)
    """Rows that a search without look-up may read."""
    scan_seconds: float = Field(default=20.0, gt=0, le=200)
    """Seconds that a search without look-up may take."""
    change_retention_days: int = Field(default=90, ge=1, le=36_500)
    """Days for which change rows are kept."""
    client_id: str = ""
    """Client id of the managed identity; the setting is `AZURE_CLIENT_ID`, as the Azure SDKs know it."""

    @field_validator("token", "filterable", mode="before")
    @classmethod
    def _separated(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("token")
    @classmethod
    def _usable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("has no token in it")
        for token in value:
            if token.startswith("@Microsoft.KeyVault("):
                raise ValueError("is a Key Vault reference that was not resolved; set SCIM_KEY_VAULT instead")
            if len(token) < 16:
                raise ValueError("has a token of fewer than 16 characters, which can be guessed")
        return value

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s?#]+", value):
            raise ValueError("must be an address such as https://scim.contoso.com/scim/v2")
        return value

    @field_validator("storage")
    @classmethod
    def _place(cls, value: str) -> str:
        if value.strip() in ("sqlite:", "https://"):
            raise ValueError("names no place; use sqlite:<path>, or https://<account>.table.core.windows.net")
        return value

    @field_validator("key_vault")
    @classmethod
    def _vault(cls, value: str) -> str:
        if value and not re.fullmatch(r"https://[^\s/?#]+/?", value):
            raise ValueError("must be the address of a key vault, such as https://kv-contoso.vault.azure.net")
        return value

    @field_validator("tenant")
    @classmethod
    def _table_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{2,62}", value):
            raise ValueError("must be 3 to 63 letters and digits, a letter first, as names of tables are")
        return value

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, serving: bool = True) -> "Settings":
        """Return the settings that an environment holds; empty ones count as not set.

        Commands that serve nobody need no token source. Raises SettingsError naming the first setting that is
        missing or wrong.
        """
        names = {_variable(name): name for name in cls.model_fields}
        values = {names[key]: value for key, value in environ.items() if key in names and value.strip()}
        if "storage" not in values:
            raise SettingsError(
                "SCIM_STORAGE is not set. Set it to https://<account>.table.core.windows.net, to a storage connection"
                " string (UseDevelopmentStorage=true for Azurite), or to sqlite:<path>."
            )
        if serving and "token" not in values and "key_vault" not in values:
            raise SettingsError(
                "No token source is set. Set SCIM_KEY_VAULT to the address of the key vault that holds the secret"
                " scim-token, or, on your own machine, SCIM_TOKEN to a secret token of 16 characters or more."
            )
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            message = first["msg"].removeprefix("Value error, ")
            raise SettingsError(f"{_variable(str(first['loc'][0]))}: {message}") from None


def _variable(field: str) -> str:
    return "AZURE_CLIENT_ID" if field == "client_id" else f"SCIM_{field.upper()}"
