"""The composition root: settings become a service, or one line says which setting cannot be used."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scim.access.auth import FixedTokens
from scim.app import _rules, build, open_store
from scim.directory.tenant import Tenant
from scim.protocol.errors import Unavailable
from scim.settings import Settings, SettingsError
from scim.storage.rows import Rows
from scim.storage.sqlite import SqliteRows
from tests.conftest import TOKEN, Http
from tests.samples import EXTENSIONS

ROOT = Path(__file__).parent.parent


def settings(storage: str = "sqlite::memory:", **further: Any) -> Settings:
    return Settings(storage, (TOKEN,), **further)


async def test_a_service_in_memory_needs_no_more_than_storage_and_token() -> None:
    """With tokens from the setting."""
    app = build(settings())
    assert isinstance(app.tenant.rows, SqliteRows)
    assert isinstance(app.tokens, FixedTokens)
    assert app.tenant.name == "scim"
    assert await Http(app).user("mira")
    await app.close()


async def test_a_file_is_kept_from_one_service_to_the_next(tmp_path: Path) -> None:
    """What was acknowledged is there after a restart."""
    path = f"sqlite:{tmp_path / 'scim.db'}"
    first = build(settings(path))
    user = await Http(first).user("mira")
    await first.close()
    second = build(settings(path))
    assert (await Http(second).request("GET", f"/Users/{user['id']}")).body == user
    await second.close()


async def test_tenants_in_one_store_do_not_see_each_other(rows: Rows) -> None:
    """Each has a partition of its own, where names are free."""
    one, other = (Http(build(settings(), Tenant(rows, name))) for name in ("one", "other"))
    user = await one.user("mira")
    assert (await other.request("GET", f"/Users/{user['id']}")).status == 404
    assert (await other.request("GET", "/Users")).body["totalResults"] == 0
    await other.user("mira")


@pytest.mark.parametrize(
    "storage",
    ["nonsense", "sqlite", "DefaultEndpointsProtocol=https", "ftp://x.example"],
)
def test_text_that_names_no_store_is_refused(storage: str) -> None:
    """The error names the setting and the three forms, and not the text, which may hold a key."""
    with pytest.raises(SettingsError, match="SCIM_STORAGE must be") as caught:
        open_store(settings(storage))
    assert storage not in str(caught.value).replace("sqlite:<path>", "")


def test_a_file_that_cannot_be_opened_is_told_by_its_path(tmp_path: Path) -> None:
    """Without a stack of the database."""
    with pytest.raises(Unavailable, match="no-such-folder"):
        open_store(settings(f"sqlite:{tmp_path}/no-such-folder/scim.db"))


@pytest.mark.parametrize(
    ("further", "name"),
    [
        ({"filterable": ("nobody",)}, "SCIM_FILTERABLE: no schema has the attribute 'nobody'"),
        ({"filterable": ("emails[x",)}, "SCIM_FILTERABLE"),
        ({"schemas": Path("no-such-folder")}, "SCIM_SCHEMAS: 'no-such-folder' is no folder"),
    ],
)
def test_what_schemas_do_not_know_is_refused(further: dict[str, Any], name: str) -> None:
    """At the start, naming the setting."""
    with pytest.raises(SettingsError, match=name):
        build(settings(**further))


def test_a_schema_document_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """By its file."""
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(SettingsError, match=r"SCIM_SCHEMAS: .*broken\.json"):
        build(settings(schemas=tmp_path))


def test_attributes_of_an_extension_can_be_filterable(rows: Rows) -> None:
    """By their URN, which only the folder of schemas knows."""
    path = "urn:ietf:params:scim:schemas:extension:Contoso:2.0:User:site"
    app = build(settings(schemas=EXTENSIONS, filterable=(path,)), Tenant(rows))
    assert path in app.kinds["User"].filterable
    with pytest.raises(SettingsError, match="SCIM_FILTERABLE"):
        build(settings(filterable=(path,)))


def test_a_service_without_azure_starts_without_what_is_slow_to_import() -> None:
    """Imports are a cost of each cold start, and of each `make run`; pydantic comes with the first message."""
    code = (
        "import sys; from scim.app import build; from scim.settings import Settings;"
        "build(Settings(storage='sqlite::memory:', token=('a-token-of-sixteen',)));"
        "sys.exit(sorted(name for name in sys.modules if name.startswith(('azure', 'pydantic'))) != [])"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0  # noqa: S603


def test_a_cold_start_imports_nothing_that_operators_and_oauth_clients_need() -> None:
    """PyJWT, the token endpoint and the management are imported by the first request that wants them: few starts do."""
    late = ("jwt", "cryptography", "scim.service.oauth", "scim.management", "scim.access.clients", "scim.access.issuer")
    code = f"import sys, function_app; sys.exit([name for name in {late} if name in sys.modules] != [])"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCIM_", "AZURE_"))}
    deployed = {"SCIM_STORAGE": "https://contoso.table.core.windows.net", "SCIM_KEY_VAULT": "https://c.vault.azure.net"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, env=kept | deployed)  # noqa: S603
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("storage", "local"),
    [
        ("sqlite:/tmp/scim.db", True),
        ("UseDevelopmentStorage=true", True),
        ("AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:10002/a;", True),
        ("https://contoso.table.core.windows.net", False),
        ("AccountName=a;AccountKey=a2V5;EndpointSuffix=core.windows.net", False),
        ("AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1.contoso.example:80/a;", False),
    ],
)
def test_only_beside_a_store_of_this_machine_may_a_receiver_be_on_it(storage: str, local: bool) -> None:
    """Elsewhere a webhook to loopback would reach what only the service can."""
    assert _rules(Settings(storage)).loopback is local
