"""`audit`: who changed what, in a terminal."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from scim.__main__ import main
from scim.app import build
from scim.settings import Settings
from tests.conftest import TOKEN
from tests.management.managing import operator


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store in a file, which the commands are told of."""
    made = f"sqlite:{tmp_path / 'scim.db'}"

    async def begin() -> None:
        app = build(Settings(storage=made, token=(TOKEN,)))
        await app.store.make("scim")
        await app.close()

    asyncio.run(begin())
    monkeypatch.setenv("SCIM_STORAGE", made)
    monkeypatch.setenv("SCIM_BASE_URL", "https://scim.example")
    return made


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what a command prints."""
    capsys.readouterr()
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def read(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(printed(capsys, *arguments, "--json"))


def managed(storage: str, body: Any) -> None:
    """Create a tenant over HTTP, as the console does."""

    async def create() -> None:
        app = build(Settings(storage=storage, token=(TOKEN,)))
        await (await operator(app)).ask("POST", "/tenants", body, address="203.0.113.9")
        await app.close()

    asyncio.run(create())


def test_it_tells_of_commands_and_of_the_console(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Who, what, of which tenant, with which values, what came of it; the newest first, and no secret."""
    made = read(capsys, "tenant", "create", "--name", "Contoso")
    managed(storage, {"name": "Fabrikam"})
    managed(storage, {"name": 1})
    failed, console, command = read(capsys, "audit")["actions"]
    assert (command["action"], command["credential"]) == ("tenant create", "command-line")
    assert (console["action"], console["given"], console["address"]) == (
        "CreateTenant",
        {"name": "Fabrikam"},
        "203.0.113.9",
    )
    assert (failed["outcome"], failed["status"]) == ("failed", 400)
    text = printed(capsys, "audit")
    assert "done  tenant create" in text
    assert '    name: "Contoso"' in text
    assert "name must be a JSON string" in text
    assert made["secretToken"] not in text
    assert json.dumps(read(capsys, "audit"), ensure_ascii=False).find(made["secretToken"]) < 0


def test_one_tenant_is_asked_for(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that is gone by now; what can be no key is told to be none."""
    keys = [read(capsys, "tenant", "create", "--name", name)["key"] for name in ("Contoso", "Fabrikam")]
    for key in keys:
        read(capsys, "tenant", "change", key, "--seats", "5")
    (action,) = read(capsys, "audit", "--tenant", keys[0].upper())["actions"]
    assert (action["action"], action["tenant"]) == ("tenant change", keys[0])
    assert printed(capsys, "audit", "--tenant", "scim") == "nobody has changed anything\n"
    assert main(["audit", "--tenant", "Contoso Ltd"]) == 2
    assert "can be the key of no tenant" in capsys.readouterr().err


def test_it_goes_on_where_it_stopped(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the cursor in its last line."""
    for name in ("Adatum", "Contoso", "Fabrikam"):
        read(capsys, "tenant", "create", "--name", name)
    first = printed(capsys, "audit", "--count", "2")
    assert [name in first for name in ("Adatum", "Contoso", "Fabrikam")] == [False, True, True]
    rest = printed(capsys, "audit", "--cursor", first.split("--cursor ")[1].strip())
    assert [name in rest for name in ("Adatum", "Contoso", "Fabrikam")] == [True, False, False]
    assert main(["audit", "--cursor", "x"]) == 1
    assert main(["audit", "--count", "0"]) == 2
