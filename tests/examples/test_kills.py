"""The sample application keeps an equal copy although it and the service are killed at any moment, over both stores."""

import asyncio
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from scim.app import build
from scim.management.administration import Wanted
from scim.settings import Settings
from tests.azurite import azurite
from tests.children import ROOT, python
from tests.conftest import TOKEN
from tests.examples.test_examples import PATCH_OP, World, announced, in_python, ordered
from tests.server import serving

__all__ = ["azurite"]
TENANT = "killed"
ROUNDS = 4
CHANGES = 8
"""Changes of a round; somebody is killed after a random number of them."""
PAUSE = 0.05


class Writer(threading.Thread):
    """Makes changes until each is answered, as a provisioning client does whose service comes and goes."""

    def __init__(self, url: str, known: list[str], number: int) -> None:
        super().__init__(daemon=True)
        self.done = 0
        self.reached = threading.Condition()
        self._url, self._known, self._number = url, known, number

    def run(self) -> None:
        group = self._create("/Groups", "displayName", f"group{self._number}")
        for step in range(CHANGES):
            user = self._create("/Users", "userName", f"user{self._number}-{step}")
            self._known.append(user)
            self._patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": user}]})
            other = self._known[step * 7 % len(self._known)]
            self._patch(f"/Users/{other}", {"op": "replace", "path": "active", "value": step % 2 == 0})
            with self.reached:
                self.done += 1
                self.reached.notify_all()

    def wait_for(self, changes: int) -> None:
        """Return when so many changes are made."""
        with self.reached:
            self.reached.wait_for(lambda: self.done >= changes)

    def _create(self, path: str, attribute: str, name: str) -> str:
        status, body = self._ask("POST", path, {attribute: name})
        if status == 409:  # made by a request whose answer was lost
            body = self._ask("GET", f"{path}?filter={attribute}%20eq%20%22{name}%22", None)[1]["Resources"][0]
        return str(body["id"])

    def _patch(self, path: str, operation: Any) -> None:
        assert self._ask("PATCH", path, {"schemas": [PATCH_OP], "Operations": [operation]})[0] in (200, 204)

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
        content = None if body is None else json.dumps(body).encode()
        while True:
            asked = urllib.request.Request(self._url + path, content, headers, method=method)  # noqa: S310
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
                    text = answer.read()
                    return answer.status, json.loads(text) if text else None
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return error.code, json.load(error)
            except (OSError, ValueError):  # killed before its answer, or in the middle of it
                pass
            time.sleep(PAUSE)


@pytest.fixture(params=["SQLite", "Table Storage"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "SQLite":
        yield f"sqlite:{tmp_path / 'scim.db'}"
    else:
        yield request.getfixturevalue("azurite")


def credential(storage: str) -> str:
    """Return the token of a reader."""

    async def issue() -> str:
        app = build(Settings(storage, (TOKEN,), tenant=TENANT))
        try:
            return (await app.administration.issue("scim", Wanted("sample", "read"))).secret
        finally:
            await app.close()

    return asyncio.run(issue())


class Pair:
    """The service and the application behind it, each killed and started again at the same place."""

    def __init__(self, folder: Path, storage: str) -> None:
        self._folder = folder
        self._settings = {"SCIM_STORAGE": storage, "SCIM_TOKEN": TOKEN, "SCIM_TENANT": TENANT, "SCIM_RATE": "1000"}
        self._port = "0"
        self.url = ""

    @contextmanager
    def service(self) -> Iterator["subprocess.Popen[str]"]:
        with serving(self._folder, self._port, **self._settings) as server:
            self._port, self.url = str(server.port), server.tenant_url
            yield server.process

    @contextmanager
    def application(self) -> Iterator["subprocess.Popen[str]"]:
        command = (ROOT / "examples" / "application.py", self.url, self._folder / "token", "0", self.copy)
        with python(*command, stdout=subprocess.PIPE) as process:
            announced(process)
            yield process

    @property
    def copy(self) -> Path:
        """The file of the copy."""
        return self._folder / "python.json"


def test_the_copy_is_equal_whoever_is_killed(tmp_path: Path, storage: str) -> None:
    """Each acknowledged change is in it, and nothing that is not in the directory."""
    choice, pair, known = Random(7), Pair(tmp_path, storage), list[str]()
    (tmp_path / "token").write_text(credential(storage))
    with pair.service() as first:
        first.kill()
        first.wait()
    for number in range(ROUNDS):
        writer = Writer(pair.url, known, number)
        with pair.service() as service, pair.application() as application:
            writer.start()
            writer.wait_for(choice.randrange(CHANGES))
            victims = choice.choice([[service], [application], [application, service]])
            for victim in victims:
                victim.kill()
                victim.wait()
            if service not in victims:
                writer.join()
        with pair.service(), pair.application():
            writer.join()
    with pair.service():
        copied = in_python(World(pair.url, (tmp_path / "token").read_text(), tmp_path))
        listed = Writer(pair.url, [], 0)._ask("GET", "/?count=1000", None)[1]["Resources"]
    names = ("userName", "displayName", "externalId", "active")
    there = {
        each["id"]: {name: each.get(name) for name in names}
        | {"members": [one["value"] for one in each.get("members", [])]}
        for each in listed
    }
    assert len(there) == ROUNDS * (CHANGES + 1)
    assert ordered(copied) == ordered(there)
