"""A service with a key that signs, a stream, and a receiver that checks what it gets with a library of its own."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest

from scim.app import App
from scim.security_events.signing import new_pem
from tests.conftest import BASE_URL, Answer, Clock, Http, make_app
from tests.recording import RecordingRows


@dataclass
class Receiver:
    """Who fetches the tokens of one stream, and believes none that PyJWT does not."""

    http: Http
    stream: Mapping[str, Any]
    headers: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The stream below the Tenant URL."""
        return str(self.stream["url"]).removeprefix(self.stream["issuer"])

    async def ask(self, **body: Any) -> Answer:
        """Poll, and return the answer as it is."""
        return await self.http.request("POST", self.path, body)

    async def poll(self, **body: Any) -> list[Any]:
        """Poll, and return the claims of the tokens, each checked by key, issuer and audience."""
        answer = await self.ask(**{"returnImmediately": True, **body})
        assert answer.status == 200, answer.body
        return [await self.checked(name, token) for name, token in answer.body["sets"].items()]

    async def checked(self, name: str, token: str) -> Any:
        """Return the claims of a token that is listed under a name."""
        keys = jwt.PyJWKSet.from_dict((await self.http.request("GET", "/events/jwks")).body)
        header = jwt.get_unverified_header(token)
        self.headers.append(header)
        claims = jwt.decode(
            token,
            keys[header["kid"]],
            algorithms=["ES256", "RS256"],
            issuer=self.stream["issuer"],
            audience=self.stream["audience"] if "audience" in self.stream else self.stream["url"],
            options={"verify_iat": False, "require": ["iss", "aud", "iat", "jti"]},
        )
        assert claims["jti"] == name
        return claims


def numbers(tokens: list[Any]) -> list[int]:
    """Return the numbers of the events that tokens are of."""
    return [int(each["jti"].split(".")[1]) for each in tokens]


async def receiver_of(app: App, key: str = "scim", **further: Any) -> Receiver:
    """Return the receiver of a new stream of a tenant."""
    stream = await (await app.streams(key)).create(BASE_URL.replace("/scim/", f"/{key}/"), wait=0, **further)
    return Receiver(Http(app, stream["secretToken"], key), stream)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with a key."""
    path = tmp_path / "signing-key.pem"
    path.write_text(new_pem())
    return path


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock, key_file: Path) -> AsyncIterator[App]:
    """A service that can sign."""
    made = make_app(rows, clock, signing_key=key_file)
    yield made
    await made.close()


@pytest.fixture
async def receiver(app: App) -> Receiver:
    """The receiver of a stream of all events."""
    return await receiver_of(app)
