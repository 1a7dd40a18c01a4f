"""Whatever is rotated while clients go on asking, in two processes over one store, no request of theirs is refused."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from scim.access.admission import FRESH_SECONDS
from scim.access.clients import Clients
from scim.access.credential import Federation
from scim.access.issuer import PAUSE, RENEW_SECONDS, Issuers
from scim.app import App
from scim.management.administration import Issued, Wanted
from scim.service.messages import Request
from scim.service.oauth import ASSERTION_TYPE, OAuth
from tests.access.rotating import Load, PatientRows
from tests.access.test_assertion import APP, OTHER_KEY, RSA_KEY, SUBJECT, TID, jwk, signed
from tests.conftest import HOST, Clock, Http, make_app
from tests.tenancy import tenant

CLIENTS = 8


@pytest.fixture
async def processes(clock: Clock) -> AsyncIterator[list[App]]:
    """Two processes over one store."""
    rows = PatientRows()
    made = [make_app(rows, clock), make_app(rows, clock)]
    yield made
    for app in made:
        await app.close()


@pytest.fixture
async def key(processes: list[App]) -> str:
    """A tenant."""
    return await tenant(processes[0])


async def status(app: App, key: str, token: str) -> int:
    """Return the status of the answer to a request for users."""
    return (await Http(app, token, key).request("GET", "/Users?count=0")).status


async def test_a_token_is_renewed(processes: list[App], key: str, clock: Clock) -> None:
    """The new one is valid at once, in each process, beside the old one; then the old one is revoked."""
    operate = processes[0].administration
    old = await operate.issue(key, Wanted("job", "provision"))
    held = [old.secret] * CLIENTS
    load = Load(lambda number: status(processes[number % 2], key, held[number]), CLIENTS)
    await load.beside()
    made: list[Issued] = []

    async def renew() -> None:
        made.append(await operate.renew(old.credential.id))
        held[0] = made[0].secret  # the first client is changed over while the others go on with the old one

    await load.beside(renew())
    clock.forward(seconds=FRESH_SECONDS)
    await load.beside()
    held[:] = [made[0].secret] * CLIENTS
    await load.beside(operate.revoke(old.credential.id))
    for _ in range(3):
        clock.forward(seconds=FRESH_SECONDS)
        await load.beside()
    assert {await status(app, key, old.secret) for app in processes} == {401}


@dataclass
class Job:
    """A client of the token endpoint: what it shows there, its access token, and when that ends."""

    shown: dict[str, str]
    token: str = ""
    until: datetime | None = None
    asked: list[int] = field(default_factory=list)

    async def ask(self, app: App, key: str, clock: Clock) -> int:
        """Ask for users, with a new access token when the one it has ends within a minute; return the status."""
        if self.until is None or (self.until - clock()).total_seconds() < 60:
            body = urlencode({"grant_type": "client_credentials", **self.shown}).encode()
            headers = {"content-type": "application/x-www-form-urlencoded"}
            asked = Request("POST", f"{HOST}/{key}/v2/oauth/token", headers, body, "request-1")
            answer = await app.oauth.token(asked, {"tenant": key})
            self.asked.append(answer.status)
            if answer.status != 200:
                return answer.status
            told = json.loads(answer.content())
            self.token = told["access_token"]
            self.until = datetime.fromtimestamp(clock().timestamp() + told["expires_in"], clock().tzinfo)
        return await status(app, key, self.token)

    def change_over(self, **shown: str) -> None:
        """Show something else from now on, as after a change of the client's settings."""
        self.shown, self.until = shown, None


async def test_a_client_s_secret_is_renewed_and_its_access_tokens_end(
    processes: list[App], key: str, clock: Clock
) -> None:
    """Two hours: each access token ends twice, the secret is renewed in between, and the old client is revoked."""
    operate = processes[0].administration
    old = await operate.issue(key, Wanted("Entra", "provision", oauth=True))
    jobs = [Job({"client_id": old.credential.id, "client_secret": old.secret}) for _ in range(CLIENTS)]
    load = Load(lambda number: jobs[number].ask(processes[number % 2], key, clock), CLIENTS)

    async def an_hour() -> None:
        for number in range(75):
            clock.forward(seconds=50)
            await load.beside(*([processes[1].rounds.run()] if number % 6 == 0 else []))  # which sweeps what has ended

    await an_hour()
    made: list[Issued] = []

    async def renew() -> None:
        made.append(await operate.renew(old.credential.id))

    await load.beside(renew())
    clock.forward(seconds=FRESH_SECONDS)
    await load.beside()
    [new] = made
    for number, job in enumerate(jobs):
        job.change_over(client_id=new.credential.id, client_secret=new.secret)
        await load.beside(*([operate.revoke(old.credential.id)] if number == CLIENTS - 1 else []))
    await an_hour()
    assert {len(job.asked) for job in jobs} == {4}
    late = Job({"client_id": old.credential.id, "client_secret": old.secret})
    assert await late.ask(processes[1], key, clock) == 401


class Entra:
    """The address of an issuer's keys; who asks lets others go on meanwhile."""

    def __init__(self) -> None:
        self.keys = [jwk(RSA_KEY, "old")]
        self.asked = 0

    async def fetch(self, _address: str) -> bytes:
        self.asked += 1
        return json.dumps({"keys": self.keys}).encode()


async def test_an_issuer_changes_its_keys(processes: list[App], key: str, clock: Clock) -> None:
    """As Entra does: the new key is published, used after a while, and the old one taken away, while jobs go on.

    Each job gets a new access token for each request, so that every one of them is an assertion that is verified.
    """
    entra, audience = Entra(), f"api://{APP}"
    federation = Federation(TID, (SUBJECT,), (audience,))
    client = await processes[0].administration.issue(key, Wanted("Entra", "provision", federation=federation))
    services = [_over(app, entra, clock) for app in processes]
    signing: list[Any] = [RSA_KEY, "old"]

    async def ask(number: int) -> int:
        begin = int(clock().timestamp())
        assertion = signed(signing[0], signing[1], aud=audience, iat=begin, nbf=begin, exp=begin + 600)
        shown = {
            "client_id": client.credential.id,
            "client_assertion": assertion,
            "client_assertion_type": ASSERTION_TYPE,
        }
        body = urlencode({"grant_type": "client_credentials", **shown}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        request = Request("POST", f"{HOST}/{key}/v2/oauth/token", headers, body, "request-1")
        answer = await services[number % 2].token(request, {"tenant": key})
        if answer.status != 200:
            return answer.status
        return await status(processes[number % 2], key, json.loads(answer.content())["access_token"])

    load = Load(ask, CLIENTS)

    async def publish() -> None:
        entra.keys.append(jwk(OTHER_KEY, "new"))

    async def use() -> None:
        signing[:] = [OTHER_KEY, "new"]

    async def withdraw() -> None:
        del entra.keys[0]

    await load.beside()
    for step in (publish, use, withdraw):
        clock.forward(seconds=PAUSE + 1)  # which also lets as many access tokens be asked for again
        await load.beside(step())
    assert entra.asked == 4  # each process: when it knew no key, and when it met the new one
    for _ in range(3):
        clock.forward(seconds=RENEW_SECONDS)
        await load.beside()
    assert entra.asked == 10  # each process, in the background, every six hours


def _over(app: App, entra: Entra, clock: Clock) -> OAuth:
    issuers = Issuers(fetch=entra.fetch, clock=lambda: clock().timestamp())
    clients = Clients(app.admission, app.registry, issuers, 3600)
    return OAuth(clients, app.addresses, app.limits, app.journals)
