"""The sample application and its local copies, against the local host as a developer runs it."""

import asyncio
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from scim.app import App, build
from scim.directory.resources import Origin
from scim.management.administration import Wanted
from scim.settings import Settings
from tests.children import ROOT, python, running
from tests.conftest import TOKEN, Http
from tests.server import serving

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
FOLLOW = """
import {{ LocalCopy }} from "{module}";
import {{ existsSync, readFileSync, writeFileSync }} from "node:fs";
const [url, token, file] = process.argv.slice(1);
const copy = new LocalCopy(url, token, existsSync(file) ? JSON.parse(readFileSync(file)) : undefined);
writeFileSync(file, JSON.stringify(await copy.follow()));
"""

Follow = Callable[[], dict[str, Any]]


class World(NamedTuple):
    """An endpoint in a process of its own, and what changes its store from here."""

    url: str
    token: str
    folder: Path

    def change(self, work: Callable[[App, Http], Awaitable[Any]]) -> Any:
        """Return what `work` returns, given the service over the same store."""
        return changed(self.folder, work)


def changed(folder: Path, work: Callable[[App, Http], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        app = build(Settings(f"sqlite:{folder / 'scim.db'}", (TOKEN,)))
        try:
            return await work(app, Http(app))
        finally:
            await app.close()

    return asyncio.run(run())


async def reader(app: App, _: Http) -> str:
    return (await app.administration.issue("scim", Wanted("sample", "read"))).secret


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An endpoint with a store in a file."""
    with serving(tmp_path, SCIM_STORAGE=f"sqlite:{tmp_path / 'scim.db'}", SCIM_TOKEN=TOKEN) as server:
        yield World(server.tenant_url, changed(tmp_path, reader), tmp_path)


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def in_python(world: World) -> dict[str, Any]:
    """Follow with a copy that knows what the file has; return what it knows then."""
    copy = module("local_copy").LocalCopy(world.url, world.token, world.folder / "python.json")
    copy.follow()
    known: dict[str, Any] = copy.known
    return known


def in_node(world: World) -> dict[str, Any]:
    node = shutil.which("node")
    assert node, "the tests need Node.js"
    file = world.folder / "node.json"
    code = FOLLOW.format(module=(ROOT / "examples" / "local_copy.mjs").as_uri())
    command = [node, "--input-type=module", "-e", code, world.url, world.token, str(file)]
    subprocess.run(command, check=True, timeout=60)  # noqa: S603
    known: dict[str, Any] = json.loads(file.read_text())[1]
    return known


COPIES = pytest.mark.parametrize("follow", [in_python, in_node], ids=["Python", "JavaScript"])


async def directory(_: App, http: Http) -> dict[str, Any]:
    """Return what a copy must know."""
    listed = (await http.request("GET", "/?count=1000")).body["Resources"]
    names = ("userName", "displayName", "externalId", "active")
    return {
        each["id"]: {name: each.get(name) for name in names} | {"members": [one["value"] for one in each["members"]]}
        for each in ({"members": []} | one for one in listed)
    }


def ordered(known: dict[str, Any]) -> dict[str, Any]:
    return {about: each | {"members": sorted(each["members"])} for about, each in known.items()}


def check(world: World, follow: Callable[[World], dict[str, Any]]) -> None:
    """Let the copy follow to the end of the feed, and compare it with the directory."""
    assert ordered(follow(world)) == ordered(world.change(directory))


async def populate(_: App, http: Http) -> None:
    users = [(await http.user(f"user{number}", externalId=f"e-{number}"))["id"] for number in range(120)]
    inner = await http.group("inner", *users)
    await http.group("outer", inner["id"], users[0])


async def turn_over(app: App, http: Http) -> None:
    """Change what there is in every way that a feed tells of."""
    known = await directory(app, http)
    users = [about for about, each in known.items() if each["userName"]]
    inner, outer = (
        next(about for about, each in known.items() if each["displayName"] == name) for name in ("inner", "outer")
    )

    async def patch(address: str, /, **operation: Any) -> None:
        answer = await http.request("PATCH", address, {"schemas": [PATCH_OP], "Operations": [operation]})
        assert answer.status in (200, 204), answer.body

    await patch(f"/Users/{users[0]}", op="replace", value={"active": False, "userName": "renamed"})
    await patch(f"/Users/{users[1]}", op="remove", path="externalId")
    await http.request("DELETE", f"/Users/{users[2]}")
    await patch(f"/Groups/{outer}", op="replace", path="displayName", value="other")
    await app.tenants.default.roles.map(outer, "editor", Origin())
    await patch(f"/Groups/{outer}", op="add", path="members", value=[{"value": users[5]}])
    await patch(f"/Groups/{inner}", op="remove", path=f'members[value eq "{users[6]}"]')
    await http.group("late", (await http.user("late"))["id"])
    await http.request("DELETE", f"/Groups/{inner}")


@COPIES
def test_a_copy_begins_with_what_is_there_and_follows(world: World, follow: Callable[[World], dict[str, Any]]) -> None:
    """More than a page of users, then every kind of change; a new process goes on where the last one stopped."""
    world.change(populate)
    check(world, follow)
    world.change(turn_over)
    check(world, follow)


@COPIES
def test_a_copy_begins_anew_after_a_restore(world: World, follow: Callable[[World], dict[str, Any]]) -> None:
    """Its cursor is of an epoch that is over: 410, and a walk."""
    world.change(populate)
    check(world, follow)

    async def restore(app: App, http: Http) -> None:
        await http.user("unheard")
        await app.feed.publish()
        await app.feed.restart()

    world.change(restore)
    check(world, follow)


def test_what_changes_while_a_copy_begins_is_not_missed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place where the future begins is taken before the walk: what happens meanwhile is told twice, never not."""
    world.change(populate)
    local_copy = module("local_copy")
    right = local_copy.LocalCopy.get

    def get(self: Any, path: str, **query: Any) -> Any:
        answer = right(self, path, **query)
        if path == "" and not query["cursor"]:
            world.change(turn_over)
        return answer

    monkeypatch.setattr(local_copy.LocalCopy, "get", get)
    copy = local_copy.LocalCopy(world.url, world.token, world.folder / "copy.json")
    copy.follow()
    assert ordered(copy.known) == ordered(world.change(directory))


def ask(address: str, body: str | None = None) -> Any:
    request = urllib.request.Request(address, None if body is None else body.encode())  # noqa: S310 - on loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def shown(address: str, expected: Callable[[Any], bool]) -> Any:
    """Return the state of the application once it is as expected, however long its polls take."""
    while not expected(told := ask(f"{address}/state")):
        pass
    return told


def test_the_application_shows_changes_as_they_happen(world: World) -> None:
    """Who may come in, what happened, and the answer at sign-in; killed, it goes on where it was."""
    token, copy = world.folder / "token", world.folder / "copy.json"
    token.write_text(world.token)
    command = (ROOT / "examples" / "application.py", world.url, token, "0", copy)

    async def come(app: App, http: Http) -> str:
        user = await http.user("mira")
        await http.group("crew", user["id"])
        await app.tenants.default.roles.map("crew", "editor", Origin())
        return str(user["id"])

    user = world.change(come)
    with python(*command, stdout=subprocess.PIPE) as process:
        address = announced(process)
        told = shown(address, lambda state: state["people"])
        assert told["people"] == [{"name": "mira@contoso.example", "active": True}]
        assert told["groups"] == [{"name": "crew", "members": 1}]
        assert ask(f"{address}/sign-in", "mira@contoso.example") == "yes: mira@contoso.example, editor"
        assert ask(f"{address}/sign-in", "nobody").startswith("no: No User")
        with urllib.request.urlopen(address, timeout=30) as page:  # noqa: S310
            assert b"Who may come in" in page.read()
        process.kill()

    async def disable(_: App, http: Http) -> None:
        operation = {"op": "replace", "path": "active", "value": False}
        await http.request("PATCH", f"/Users/{user}", {"schemas": [PATCH_OP], "Operations": [operation]})

    world.change(disable)
    with python(*command, stdout=subprocess.PIPE) as process:
        address = announced(process)
        told = shown(address, lambda state: state["events"])
        assert told["people"] == [{"name": "mira@contoso.example", "active": False}]
        assert [each.split(" ", 1)[1] for each in told["events"]] == ["user.deactivated mira@contoso.example"]
        assert ask(f"{address}/sign-in", "mira@contoso.example") == "no: disabled"


def announced(process: Any) -> str:
    while not (found := re.search(r"http://\S+", process.stdout.readline())):
        assert process.poll() is None, "the application did not start"
    return found[0]


def test_make_example_makes_a_credential_once(tmp_path: Path) -> None:
    """For the store of `make run`; a new store gets a new one."""
    assert_made = [sys.executable, "-c", "from tools.example import made; made()"]
    environ = {"PYTHONPATH": str(ROOT), "PATH": ""}
    (tmp_path / ".local").mkdir()
    tokens = []
    for new_store in (True, False, True):
        if new_store:
            (tmp_path / ".local" / "scim.db").unlink(missing_ok=True)
            asyncio.run(_empty(tmp_path / ".local" / "scim.db"))
        with running(assert_made, cwd=tmp_path, env=environ) as process:
            assert process.wait(60) == 0
        tokens.append((tmp_path / ".local" / "example-token").read_text())
    assert tokens[0] == tokens[1] != tokens[2]
    assert (tmp_path / ".local" / "example-token").stat().st_mode & 0o077 == 0


async def _empty(path: Path) -> None:
    app = build(Settings(f"sqlite:{path}", (TOKEN,)))
    await app.administration.tenants()
    await app.close()


@pytest.mark.parametrize("name", ["local_copy.py", "local_copy.mjs"])
def test_the_page_shows_the_copies_that_are_tested(name: str) -> None:
    """Word for word."""
    page = (ROOT / "docs" / "application.md").read_text(encoding="utf-8")
    assert f"\n{(ROOT / 'examples' / name).read_text(encoding='utf-8')}```" in page
