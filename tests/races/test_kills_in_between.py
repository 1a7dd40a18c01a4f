"""A process is killed behind a chosen commit: of an import, and of the delete of a large group."""

import asyncio
import io
import secrets
import signal
import textwrap
from pathlib import Path

import pytest

from scim.app import App, build
from scim.commands.export import Export
from scim.commands.restore import Restore
from scim.commands.transfer import Reader
from scim.directory import keys
from scim.settings import Settings
from tests.azurite import azurite
from tests.children import python
from tests.conftest import Http
from tests.races.client import findings
from tests.races.conftest import TOKEN
from tests.server import environment

__all__ = ["azurite"]
MEMBERS = 120
"""Of the large group: more than three transactions take."""
DYING = textwrap.dedent(
    """
    import asyncio, os, signal, sys
    from scim.__main__ import main
    from scim.app import from_environ
    from scim.azure.tables import TableRows
    from scim.storage.sqlite import SqliteRows
    from tests.conftest import Http

    prefix, left, *arguments = sys.argv[1:]

    def dying(commit):
        async def commit_and_die(rows, partition, changes, mark=""):
            global left
            versions = await commit(rows, partition, changes, mark)
            left = int(left) - any(each.key.startswith(prefix) for each in changes)
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return versions
        return commit_and_die

    for store in (SqliteRows, TableRows):
        store.commit = dying(store.commit)
    if arguments[0] == "import":
        sys.exit(main(arguments))
    asyncio.run(Http(from_environ()).request(*arguments))
    """
)
"""A command or a request, in a process that kills itself behind the n-th commit with a row whose key begins so."""


class Place:
    """A store and a tenant of it, which processes share."""

    def __init__(self, storage: str) -> None:
        self.storage, self.tenant = storage, f"kills{secrets.token_hex(4)}"
        self.environ = environment(SCIM_STORAGE=storage, SCIM_TENANT=self.tenant, SCIM_TOKEN=TOKEN, SCIM_JOURNAL="off")

    def app(self) -> App:
        """Return the service over it."""
        return build(Settings(storage=self.storage, tenant=self.tenant, token=(TOKEN,), journal=False))

    def killed(self, prefix: str, number: int, *arguments: str) -> None:
        """Let a process do something and die behind a commit."""
        with python("-c", DYING, prefix, str(number), *arguments, env=self.environ) as process:
            assert process.wait(120) == -signal.SIGKILL


@pytest.fixture(params=["sqlite", "azurite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A tenant with nothing in it, in a file or in the emulator of Table Storage."""
    file = f"sqlite:{tmp_path / 'scim.db'}"
    return Place(file if request.param == "sqlite" else request.getfixturevalue("azurite"))


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """The export of a directory with a large group and a small one."""

    async def exporting() -> list[str]:
        app = build(Settings(storage="sqlite::memory:", token=(TOKEN,), journal=False))
        http = Http(app)
        ids = [(await http.user(f"user{number}", externalId=f"e{number}"))["id"] for number in range(MEMBERS)]
        await http.group("small", *ids[:2])
        await http.group("large", *ids)
        found = await exported(app)
        await app.close()
        return found

    return asyncio.run(exporting())


async def exported(app: App) -> list[str]:
    """Return the lines of an export."""
    lines: list[str] = []
    await Export(app.tenants.default, lines.append, pytest.fail).run()
    return lines


async def imported(app: App, lines: list[str]) -> str:
    """Import lines into an empty tenant; return the id of its large group."""
    file = io.BytesIO("".join(f"{line}\n" for line in lines).encode())
    await Restore(app.tenants.default, pytest.fail).run(Reader(file, app.kinds))
    [large] = (await Http(app).request("GET", "/Groups?filter=displayName+eq+%22large%22")).body["Resources"]
    return str(large["id"])


@pytest.mark.parametrize(("prefix", "number"), [("u.", 2), ("u.", 3), ("m.", 3), ("m.", 4)])
async def test_an_import_that_is_killed_is_repeated_and_whole(
    place: Place, lines: list[str], tmp_path: Path, prefix: str, number: int
) -> None:
    """Among users, and among memberships: what is there agrees, and the same file brings the rest."""
    file = tmp_path / "export.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    place.killed(prefix, number, "import", str(file))
    assert await findings(place.storage, place.tenant) == []
    with python("-m", "scim", "import", str(file), "--into-existing", env=place.environ) as process:
        assert process.wait(120) == 0
    assert await findings(place.storage, place.tenant) == []
    app = place.app()
    assert (await exported(app))[1:] == lines[1:]
    await app.close()


@pytest.mark.parametrize(("prefix", "number"), [("t.", 1), ("m.", 2)])
async def test_a_large_group_whose_delete_is_killed_is_gone(
    place: Place, lines: list[str], prefix: str, number: int
) -> None:
    """From its first commit on nobody sees it or is in it; the timer takes away what is left of it."""
    app = place.app()
    http, group = Http(app), await imported(app, lines)
    place.killed(prefix, number, "DELETE", f"/Groups/{group}")
    assert await findings(place.storage, place.tenant) == ["unfinished deletes"]
    assert (await http.request("GET", f"/Groups/{group}")).status == 404
    users = (await http.request("GET", f"/Users?count={MEMBERS}")).body["Resources"]
    assert [len(each.get("groups", [])) for each in users].count(1) == 2
    assert sum(len(each.get("groups", [])) for each in users) == 2
    assert (await app.maintenance.run())["deletesFinished"] == 1
    assert await app.tenant.under(keys.member(group)) == []
    assert await findings(place.storage, place.tenant) == []
    await app.close()
