"""The keys of an issuer, fetched over a real connection: what is read, and what is refused."""

import json
from collections.abc import AsyncIterator

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from scim.access.issuer import MAX_BYTES, FetchError, Issuers, fetched
from scim.protocol.errors import Unavailable
from tests.access.test_assertion import RSA_KEY, TID


class Address:
    """What stands for Entra's key address on this machine; `answer` is what it says."""

    def __init__(self) -> None:
        self.answer: web.StreamResponse = web.Response(status=500)
        self.asked: list[str] = []

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        return self.answer


@pytest.fixture
def address() -> Address:
    """The address, which fails until a test gives it an answer."""
    return Address()


@pytest.fixture
async def server(address: Address) -> AsyncIterator[TestServer]:
    """The server of the address, on loopback."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", address.respond)
    made = TestServer(application, host="127.0.0.1")
    async with made:
        yield made


def root(server: TestServer) -> str:
    """Return the address in place of https://login.microsoftonline.com."""
    return str(server.make_url("")).rstrip("/")


def key_set() -> str:
    """Return the key of the tests as a JWK set."""
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True)
    return json.dumps({"keys": [jwk | {"kid": "rsa", "use": "sig"}]})


async def test_keys_come_from_the_address_of_cloud_and_tenant(server: TestServer, address: Address) -> None:
    """The real client, the real document, and one fetch for two assertions."""
    address.answer = web.Response(text=key_set(), content_type="application/json")
    issuers = Issuers(clouds={"public": root(server)})
    for _ in range(2):
        found = await issuers.key("public", TID, "rsa")
        assert found is not None
        assert found[0] == "RS256"
    assert address.asked == [f"/{TID}/discovery/v2.0/keys"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (web.Response(status=302, headers={"Location": "/elsewhere"}), "answers 302"),
        (web.Response(status=404), "answers 404"),
        (web.Response(text="x" * (MAX_BYTES + 1)), "more than 262,144 bytes"),
    ],
    ids=["redirect", "not there", "huge"],
)
async def test_what_is_no_key_set_is_refused(
    server: TestServer, address: Address, answer: web.Response, why: str
) -> None:
    """Nobody is led anywhere else, and nobody's memory is filled."""
    address.answer = answer
    with pytest.raises(FetchError, match=why):
        await fetched(f"{root(server)}/keys")
    assert address.asked == ["/keys"]


async def test_who_does_not_answer_is_no_reason_to_refuse_a_client(server: TestServer, address: Address) -> None:
    """503 with Retry-After, which a client tries again, and not an invalid client."""
    issuers = Issuers(clouds={"public": root(server)})
    with pytest.raises(Unavailable) as refused:
        await issuers.key("public", TID, "rsa")
    assert refused.value.headers["Retry-After"] == "60"
    closed = f"{root(server)}/keys"
    await server.close()
    with pytest.raises(FetchError, match="does not answer"):
        await fetched(closed)
