"""`tenant` and `credential` as an operator and a script meet them."""

import asyncio
import json
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scim.__main__ import main
from scim.app import App, build
from scim.commands.command import DONE, FAILED, WRONG_USAGE
from scim.settings import Settings
from scim.storage.sqlite import SqliteRows
from tests.conftest import TOKEN, Http
from tests.management.managing import Manager
from tests.server import serving

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with an empty store."""
    monkeypatch.chdir(tmp_path)
    for name in ("SCIM_TENANT", "SCIM_TOKEN", "SCIM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCIM_STORAGE", "sqlite:scim.db")
    asyncio.run(SqliteRows("scim.db").close())
    return tmp_path


def told(capsys: Capture, *arguments: str) -> Any:
    """Run a command that must succeed, and return the one object that it prints."""
    assert main([*arguments, "--json"]) == DONE
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    return json.loads(captured.out)


def served(work: Any) -> Any:
    """Return what `work` returns, given the service over the same store."""

    async def run() -> Any:
        app = build(Settings("sqlite:scim.db", (TOKEN,)))
        try:
            return await work(app)
        finally:
            await app.close()

    coroutine: Coroutine[Any, Any, Any] = run()
    return asyncio.run(coroutine)


def opens(token: str, key: str) -> int:
    """Return the status of a request with the token."""

    async def ask(app: App) -> int:
        return (await Http(app, token, key).request("GET", "/Users")).status

    status: int = served(ask)
    return status


def test_a_tenant_is_made_shown_and_used(folder: Path, capsys: Capture) -> None:
    """Its Secret Token is told at creation only."""
    made = told(capsys, "tenant", "create", "--name", "Contoso Ltd")
    assert made["tenantUrl"] == f"http://127.0.0.1:7071/{made['key']}/v2"
    assert opens(made["secretToken"], made["key"]) == 200
    assert told(capsys, "tenant", "show", made["key"]) == {
        name: value for name, value in made.items() if name != "secretToken"
    }
    assert [each["key"] for each in told(capsys, "tenant", "list")["tenants"]] == ["scim", made["key"]]


def test_what_an_administrator_pastes_is_told_in_entra_s_words(folder: Path, capsys: Capture) -> None:
    """Once; and the text to mail holds no secret."""
    assert main(["tenant", "create", "--name", "Contoso", "--host", "https://scim.contoso.example"]) == DONE
    printed = capsys.readouterr().out
    assert "  Tenant URL    https://scim.contoso.example/" in printed
    assert printed.count("scim_") == 1
    secret = printed.split("Secret Token  ")[1].split()[0]
    assert secret not in printed.split("To mail:")[1]


def test_the_token_is_on_no_disk(folder: Path, capsys: Capture) -> None:
    """Only its digest is."""
    made = told(capsys, "tenant", "create", "--name", "Contoso")
    with closing(sqlite3.connect(folder / "scim.db")) as db:
        bodies = " ".join(row[0] for row in db.execute("SELECT body FROM rows"))
    assert made["key"] in bodies
    assert made["secretToken"][30:60] not in bodies


def test_a_tenant_is_renamed_suspended_resumed_and_deleted(folder: Path, capsys: Capture) -> None:
    """Each shows the tenant as it is then."""
    key = told(capsys, "tenant", "create", "--name", "Contoso")["key"]
    assert told(capsys, "tenant", "rename", key, "--name", "Fabrikam")["name"] == "Fabrikam"
    assert told(capsys, "tenant", "suspend", key)["status"] == "suspended"
    assert told(capsys, "tenant", "resume", key)["status"] == "active"
    deleted = told(capsys, "tenant", "delete", key)
    assert (deleted["status"], "due" in deleted) == ("deleting", True)
    assert told(capsys, "tenant", "delete", key, "--now")["due"] < deleted["due"]


def test_a_credential_is_made_rotated_and_ended(folder: Path, capsys: Capture) -> None:
    """Old and new are both valid until the old one is revoked."""
    key = told(capsys, "tenant", "create", "--name", "Contoso")["key"]
    options = ("--tenant", key, "--scope", "read", "--name", "report", "--expires", "2099-12-31")
    made = told(capsys, "credential", "create", *options)
    assert (made["scope"], made["expires"]) == ("read", "2099-12-31T23:59:59.000Z")
    new = told(capsys, "credential", "renew", made["id"])
    assert [opens(each["secretToken"], key) for each in (made, new)] == [200, 200]
    assert told(capsys, "credential", "revoke", made["id"])["status"] == "revoked"
    assert [opens(each["secretToken"], key) for each in (made, new)] == [401, 200]
    assert told(capsys, "credential", "remove", made["id"]) == {"id": made["id"], "removed": True}
    listed = told(capsys, "credential", "list", "--tenant", key)["credentials"]
    assert {each["name"] for each in listed} == {"first token", "report"}
    assert all("secretToken" not in each for each in listed)


def test_what_is_pasted_beside_a_secret_is_told_with_it(folder: Path, capsys: Capture) -> None:
    """A token is of no use without its Tenant URL; what may be mailed has the one and not the other."""
    for options in ((), ("--oauth",)):
        made = ("credential", "create", "--tenant", "scim", "--scope", "provision", "--name", "Entra", *options)
        assert main([*made, "--host", "https://id.example"]) == DONE
        printed, _, mail = capsys.readouterr().out.partition("To mail, without the secret:")
        assert "Tenant URL" in printed
        assert "https://id.example/scim/v2\n" in printed
        assert ("https://id.example/scim/v2\n" in mail) == bool(options)
        assert "scim_" not in mail
    assert main(["credential", "create", "--scope", "operator", "--name", "night"]) == DONE
    assert "Tenant URL" not in capsys.readouterr().out


def test_an_operator_is_made_and_revoked(folder: Path, capsys: Capture) -> None:
    """The one in the key vault is not the only one; whoever has a token of this scope belongs to no tenant."""
    made = told(capsys, "credential", "create", "--scope", "operator", "--name", "Night shift")
    assert (made["scope"], made["tenant"]) == ("operator", "")

    async def manages(app: App) -> int:
        return (await Manager(app, made["secretToken"]).ask("GET", "/tenants")).status

    assert served(manages) == 200
    listed = told(capsys, "credential", "list")["credentials"]
    assert [each["id"] for each in listed] == ["operator-token", made["id"]]
    new = told(capsys, "credential", "renew", made["id"])
    assert told(capsys, "credential", "revoke", made["id"])["status"] == "revoked"
    assert served(manages) == 401
    assert new["scope"] == "operator"


@pytest.mark.parametrize("options", [("--scope", "read"), ("--scope", "operator", "--tenant", "scim")])
def test_only_an_operator_is_of_no_tenant(folder: Path, capsys: Capture, options: tuple[str, ...]) -> None:
    """What is left out by mistake makes nothing."""
    assert main(["credential", "create", "--name", "n", *options]) == WRONG_USAGE
    assert "--tenant is required" in capsys.readouterr().err


def test_a_tenant_has_settings_of_its_own(folder: Path, capsys: Capture) -> None:
    """What is changed is shown; `default` gives it back."""
    key = told(capsys, "tenant", "create", "--name", "Contoso")["key"]
    changed = told(capsys, "tenant", "change", key, "--retention-days", "7", "--filterable", "externalId,title")
    assert (changed["retentionDays"], changed["filterable"]) == (7, ["externalId", "title"])
    told(capsys, "tenant", "change", key, "--filterable", "")
    assert told(capsys, "tenant", "show", key)["filterable"] == [], "none at all is another thing than the default"
    back = told(capsys, "tenant", "change", key, "--retention-days", "default", "--filterable", "default")
    assert "retentionDays" not in back
    assert "filterable" not in back
    urn = "urn:ietf:params:scim:schemas:extension:Fab:2.0:User"
    (folder / "own.json").write_text(json.dumps({"id": urn, "name": "Fab", "attributes": []}))
    assert [each["id"] for each in told(capsys, "tenant", "schema", key, "--add", "own.json")["schemas"]] == [urn]
    assert told(capsys, "tenant", "schema", key, "--remove", urn) == {"schemas": []}


def test_a_tenant_is_guarded(folder: Path, capsys: Capture) -> None:
    """By seats, and by groups that are named once; it can be taken back."""

    async def crew(app: App) -> str:
        return str((await Http(app).group("crew"))["id"])

    group = served(crew)
    assert told(capsys, "tenant", "change", "scim", "--seats", "0")["seats"] == 0
    assert "seats" not in told(capsys, "tenant", "change", "scim", "--seats", "default")
    guarded = {"id": group, "displayName": "crew", "guard": "on"}
    assert told(capsys, "tenant", "guard", "scim", "--group", "crew") == {"groups": [guarded]}
    strict = told(capsys, "tenant", "guard", "scim", "--group", group, "--guard", "strict")
    assert strict == told(capsys, "tenant", "guard", "scim") == {"groups": [guarded | {"guard": "strict"}]}
    assert told(capsys, "tenant", "guard", "scim", "--group", "crew", "--guard", "off") == {"groups": []}
    assert main(["tenant", "guard", "scim"]) == DONE
    assert capsys.readouterr().out == "no guarded groups\n"
    assert main(["tenant", "guard", "scim", "--group", "unknown"]) == FAILED


def test_the_other_commands_are_told_the_tenant(folder: Path, capsys: Capture) -> None:
    """export, import and verify work on the one that is named."""
    one, other = [told(capsys, "tenant", "create", "--name", name)["key"] for name in ("One", "Other")]

    async def fill(app: App) -> None:
        secret = await app.administration.tenant(one)
        service = await app.tenants.of(secret)
        await service.indexes.complete()

    served(fill)
    made = told(capsys, "credential", "create", "--tenant", one, "--scope", "provision", "--name", "n")

    async def people(app: App) -> None:
        await Http(app, made["secretToken"], one).user("mira")

    served(people)
    assert main(["export", "--tenant", one, "one.ndjson"]) == DONE
    assert main(["import", "--tenant", other, "one.ndjson"]) == DONE
    assert main(["verify", "--tenant", other]) == DONE
    assert "1 users" in capsys.readouterr().out
    assert main(["export", "scim.ndjson"]) == FAILED
    assert (folder / "one.ndjson").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tenant", "change"), "Change what it has of its own."),
        (("access", "list"), "--tenant KEY  the segment of its Tenant URL; default: scim"),
        (("webhook", "replay"), "Deliver again from a cursor on"),
    ],
)
def test_the_help_of_an_action_says_what_it_does(capsys: Capture, arguments: tuple[str, ...], said: str) -> None:
    """And for which tenant, where none is named: the default one for every command."""
    assert main([*arguments, "--help"]) == DONE
    assert said in capsys.readouterr().out


def test_groups_are_mapped_to_roles(folder: Path, capsys: Capture) -> None:
    """By a name, and listed and taken back; the application hears who did it."""

    async def crew(app: App) -> str:
        return str((await Http(app).group("crew"))["id"])

    group = served(crew)
    mapped = {"id": group, "displayName": "crew", "externalId": None, "roles": ["editor"]}
    tenant = ("--tenant", "scim")
    assert told(capsys, "access", "map", *tenant, "--group", "crew", "--role", "editor") == mapped
    assert told(capsys, "access", "list", *tenant) == {"groups": [mapped]}
    assert main(["access", "list", *tenant]) == DONE
    assert f"crew         editor  {group}" in capsys.readouterr().out
    assert told(capsys, "access", "unmap", *tenant, "--group", group, "--role", "editor") == mapped | {"roles": []}
    assert main(["access", "list", *tenant]) == DONE
    assert capsys.readouterr().out == "no group gives a role\n"

    async def heard(app: App) -> Any:
        return [event["actor"] for event in (await app.feed.page("", types={"group.roles_changed"})).events]

    assert served(heard) == [{"client": "python -m scim access"}] * 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["access", "map", "--tenant", "scim", "--group", "crew"], WRONG_USAGE),
        (["access", "map", "--tenant", "unknown", "--group", "crew", "--role", "editor"], FAILED),
        (["access", "unmap", "--tenant", "unknown", "--group", "crew"], FAILED),
        (["tenant"], WRONG_USAGE),
        (["tenant", "create"], WRONG_USAGE),
        (["tenant", "create", "--name", ""], FAILED),
        (["tenant", "show", "unknown"], FAILED),
        (["tenant", "delete", "scim"], FAILED),
        (["tenant", "change", "scim"], WRONG_USAGE),
        (["tenant", "change", "scim", "--retention-days", "many"], WRONG_USAGE),
        (["tenant", "change", "scim", "--seats", "-1"], WRONG_USAGE),
        (["tenant", "change", "scim", "--seats", "99999999"], FAILED),
        (["tenant", "guard", "scim", "--guard", "strict"], WRONG_USAGE),
        (["tenant", "schema", "scim", "--add", "nothing.json"], FAILED),
        (["credential", "create", "--tenant", "scim", "--scope", "operator", "--name", "n"], WRONG_USAGE),
        (["credential", "create", "--tenant", "unknown", "--scope", "read", "--name", "n"], FAILED),
        (["credential", "create", "--tenant", "scim", "--scope", "read", "--name", "n", "--expires", "x"], FAILED),
        (["credential", "revoke", "unknown"], FAILED),
        (["verify", "--tenant", "unknown"], FAILED),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    folder: Path, capsys: Capture, arguments: list[str], code: int
) -> None:
    """With what to change; the audit alone knows that it was tried."""
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    with closing(sqlite3.connect(folder / "scim.db")) as db:
        assert db.execute("SELECT count(*) FROM rows WHERE key NOT LIKE 'd.%'").fetchone() == (0,)


def test_an_operator_says_where_the_service_is(
    folder: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody can guess it from the address of the store; and nothing is made before that is known."""
    monkeypatch.setenv("SCIM_BASE_URL", "https://scim.contoso.example/scim/v2")
    assert told(capsys, "tenant", "create", "--name", "a")["tenantUrl"].startswith("https://scim.contoso.example/")
    assert main(["tenant", "create", "--name", "a", "--host", "scim.contoso.example"]) == FAILED
    assert "--host" in capsys.readouterr().err
    assert main(["tenant", "create", "--name", "a", "--host", "https://scim contoso.example"]) == FAILED
    assert "--host" in capsys.readouterr().err
    assert len(told(capsys, "tenant", "list")["tenants"]) == 2


@pytest.mark.parametrize("given", ["https://id.example", "https://id.example/", "https://id.example/scim/v2"])
def test_a_tenant_url_says_where_the_service_is_too(folder: Path, capsys: Capture, given: str) -> None:
    """It is what lies at hand to be pasted; its path must not come twice."""
    assert told(capsys, "tenant", "show", "scim", "--host", given)["tenantUrl"] == "https://id.example/scim/v2"


def test_a_tenant_is_tested_beside_a_serving_process(folder: Path, capsys: Capture) -> None:
    """As Entra's Test Connection does it, over HTTP; its short-lived token is gone afterwards."""
    with serving(folder, SCIM_STORAGE=f"sqlite:{folder / 'scim.db'}", SCIM_TOKEN=TOKEN) as server:
        host = server.tenant_url.removesuffix("/scim/v2")
        key = told(capsys, "tenant", "create", "--name", "Contoso", "--host", host)["key"]
        tested = told(capsys, "tenant", "test", key, "--host", host)
        assert (tested["status"], tested["ok"]) == (200, True)
        assert len(told(capsys, "credential", "list", "--tenant", key)["credentials"]) == 1
        assert main(["tenant", "test", key, "--host", f"{host}/elsewhere"]) == FAILED
        assert "answers 40" in capsys.readouterr().err
    assert main(["tenant", "test", key, "--host", host]) == FAILED
    assert "cannot be reached" in capsys.readouterr().err


def test_what_a_command_changes_is_in_the_audit(folder: Path, capsys: Capture) -> None:
    """As what was done over HTTP is: by whom, what, and what came of it; what only shows is not."""
    made = told(capsys, "tenant", "create", "--name", "Contoso")
    for only_shown in (("list",), ("guard", "scim"), ("schema", "scim")):
        told(capsys, "tenant", *only_shown)
    assert main(["credential", "revoke", "nobody"]) == FAILED
    capsys.readouterr()

    async def written(app: App) -> Any:
        return (await app.audit.page(None, 10))[0]

    found = served(written)
    assert [(each["action"], each["outcome"]) for each in found] == [
        ("credential revoke", "failed"),
        ("tenant create", "done"),
    ]
    assert (found[1]["made"], found[1]["credential"]) == (made["key"], "command-line")
    assert found[1]["client"].startswith("python -m scim, ")
    assert made["secretToken"] not in str(found)
