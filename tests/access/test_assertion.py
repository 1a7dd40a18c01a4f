"""Assertions of Entra: what is taken, and everything that looks like it and is not."""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from scim.access.assertion import Refused, check
from scim.access.credential import Federation
from scim.access.issuer import PAUSE, RENEW_SECONDS, SERVE_SECONDS, FetchError, Issuers
from scim.protocol.errors import Unavailable

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
TID = "11111111-2222-3333-4444-555555555555"
SUBJECT = "66666666-7777-8888-9999-000000000000"
APP = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
HOST = "scim.contoso.example"
AUDIENCES = (APP, f"api://{APP}", f"api://{APP}/{HOST}")
CLIENT = Federation(TID, (SUBJECT,), AUDIENCES)
ADDRESS = f"https://login.microsoftonline.com/{TID}/discovery/v2.0/keys"

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it must be refused
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str, **further: Any) -> dict[str, Any]:
    """Return the public half as a JWK."""
    algorithm: Any = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    made: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return made | {"kid": kid, "use": "sig"} | further


class Directory:
    """Answers for the keys of an issuer, and counts how often it is asked, and where."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.asked: list[str] = []
        self.answer: bytes | None = json.dumps(
            {"keys": [jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec"), jwk(WEAK_KEY, "weak"), jwk(RSA_KEY, "enc", use="enc")]}
        ).encode()

    async def fetch(self, address: str) -> bytes:
        self.asked.append(address)
        if self.answer is None:
            raise FetchError("it does not answer")
        return self.answer

    def clock(self) -> float:
        return self.seconds


@pytest.fixture
def directory() -> Directory:
    """What stands in for Entra's key address."""
    return Directory()


@pytest.fixture
def issuers(directory: Directory) -> Issuers:
    """The keys, of which none is known yet."""
    return Issuers(fetch=directory.fetch, clock=directory.clock)


def claims(**changed: Any) -> dict[str, Any]:
    """Return claims as Entra has them; a value of None leaves one out."""
    begin = int(NOW.timestamp())
    made = {
        "iss": f"https://login.microsoftonline.com/{TID}/v2.0",
        "tid": TID,
        "aud": APP,
        "sub": SUBJECT,
        "oid": SUBJECT,
        "iat": begin - 10,
        "nbf": begin - 10,
        "exp": begin + 3900,
    } | changed
    return {name: value for name, value in made.items() if value is not None}


def signed(key: Any = RSA_KEY, kid: str | None = "rsa", algorithm: str = "RS256", **changed: Any) -> str:
    """Return an assertion."""
    headers = changed.pop("headers", {}) | ({"kid": kid} if kid else {})
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers=headers)


def by_hand(header: dict[str, Any], body: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Return an assertion that no library would make."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    first = f"{part(json.dumps(header).encode())}.{part(json.dumps(body).encode())}"
    return f"{first}.{part(sign(first.encode()))}"


def swapped() -> str:
    """Return an assertion with the signature of another one of the same key."""
    body, signature = signed(jti="a").rpartition(".")[0], signed(jti="b").rpartition(".")[2]
    return f"{body}.{signature}"


def weakly(text: bytes) -> bytes:
    return WEAK_KEY.sign(text, padding.PKCS1v15(), hashes.SHA256())


PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
BEGIN = int(NOW.timestamp())


@pytest.mark.parametrize(
    "assertion",
    [
        *(signed(aud=each) for each in AUDIENCES),
        signed(EC_KEY, "ec", "ES256"),
        signed(exp=BEGIN - 59),
        signed(nbf=BEGIN + 59, iat=BEGIN + 59),
        signed(exp=BEGIN - 10 + 24 * 3600),
        signed(headers={"jku": "https://evil.example/keys", "x5u": "https://evil.example/cert"}),
        signed(email="somebody", extra={"a": [1]}),
    ],
)
async def test_an_assertion_of_the_registered_directory_is_taken(
    assertion: str, issuers: Issuers, directory: Directory
) -> None:
    """In each form of its audience; the keys come from where the registration says and from nowhere else."""
    await check(assertion, CLIENT, issuers, NOW)
    assert directory.asked == [ADDRESS]


REFUSED = {
    "alg none": (by_hand({"alg": "none", "kid": "rsa"}, claims(), lambda _: b""), "algorithm"),
    "alg None": (by_hand({"alg": "NONE", "kid": "rsa"}, claims(), lambda _: b""), "algorithm"),
    "HS256 with the public key": (
        by_hand(
            {"alg": "HS256", "kid": "rsa"}, claims(), lambda text: hmac.new(PUBLIC_PEM, text, hashlib.sha256).digest()
        ),
        "algorithm",
    ),
    "RS512": (signed(algorithm="RS512"), "algorithm"),
    "PS256": (signed(algorithm="PS256"), "algorithm"),
    "ES256 by the name of an RSA key": (signed(EC_KEY, "rsa", "ES256"), "algorithm"),
    "RS256 by the name of an EC key": (signed(RSA_KEY, "ec"), "algorithm"),
    "unsigned": (signed().rpartition(".")[0] + ".", "signature"),
    "signed by another": (signed(OTHER_KEY), "signature"),
    "body changed": (swapped(), "signature"),
    "a key too weak": (by_hand({"alg": "RS256", "kid": "weak"}, claims(), weakly), "unknown-key"),
    "a key for encryption": (signed(RSA_KEY, "enc"), "unknown-key"),
    "unknown kid": (signed(kid="other"), "unknown-key"),
    "no kid": (signed(kid=None), "key-id"),
    "a key in the header": (signed(OTHER_KEY, headers={"jwk": jwk(OTHER_KEY, "rsa")}), "signature"),
    "critical header": (signed(headers={"crit": ["exp"]}), "unreadable"),
    "issuer of v1": (signed(iss=f"https://sts.windows.net/{TID}/"), "issuer"),
    "issuer with a slash": (signed(iss=f"https://login.microsoftonline.com/{TID}/v2.0/"), "issuer"),
    "issuer of another directory": (signed(iss="https://login.microsoftonline.com/x/v2.0"), "issuer"),
    "issuer of another cloud": (signed(iss=f"https://login.microsoftonline.us/{TID}/v2.0"), "issuer"),
    "no issuer": (signed(iss=None), "issuer"),
    "another tid": (signed(tid="x"), "tenant"),
    "no tid": (signed(tid=None), "tenant"),
    "another subject": (signed(sub="x"), "subject"),
    "no subject": (signed(sub=None), "subject"),
    "another audience": (signed(aud="api://other"), "audience"),
    "an audience with a path": (signed(aud=f"{APP}/"), "audience"),
    "an audience in capitals": (signed(aud=APP.upper()), "audience"),
    "two audiences": (signed(aud=[APP, "api://other"]), "audience"),
    "a list of one audience": (signed(aud=[APP]), "audience"),
    "no audience": (signed(aud=None), "audience"),
    "expired": (signed(exp=BEGIN - 60), "expired"),
    "not begun": (signed(nbf=BEGIN + 61), "not-yet-valid"),
    "issued in the future": (signed(iat=BEGIN + 61), "not-yet-valid"),
    "lives for more than a day": (signed(exp=BEGIN + 24 * 3600), "lives-too-long"),
    "no exp": (signed(exp=None), "times-missing"),
    "no nbf": (signed(nbf=None), "times-missing"),
    "no iat": (signed(iat=None), "times-missing"),
    "exp as a text": (by_hand({"alg": "RS256", "kid": "rsa"}, claims(exp="9999999999"), bytes), "times-missing"),
    "exp beyond measure": (by_hand({"alg": "RS256", "kid": "rsa"}, claims(exp=1e300), bytes), "times-missing"),
    "exp true": (by_hand({"alg": "RS256", "kid": "rsa"}, claims(exp=True), bytes), "times-missing"),
    "no token": ("not.a.token", "unreadable"),
    "nothing": ("", "unreadable"),
    "a list for claims": (by_hand({"alg": "RS256", "kid": "rsa"}, [], bytes), "unreadable"),  # type: ignore[arg-type]
    "too long": (signed(filler="x" * 20_000), "too-long"),
}


@pytest.mark.parametrize(("assertion", "reason"), REFUSED.values(), ids=REFUSED)
async def test_everything_else_is_refused(assertion: str, reason: str, issuers: Issuers) -> None:
    """With a reason for the log; the reason says at which check it fell, so that each check is seen to work."""
    with pytest.raises(Refused) as refused:
        await check(assertion, CLIENT, issuers, NOW)
    assert reason in str(refused.value)


@pytest.mark.parametrize("changed", [{"iss": "x"}, {"tid": "x"}, {"aud": "x"}, {"sub": "x"}, {"exp": 1}])
async def test_nothing_is_fetched_for_claims_that_are_not_the_registered_ones(
    changed: dict[str, Any], issuers: Issuers, directory: Directory
) -> None:
    """Nobody makes the service ask Microsoft for keys by inventing tokens."""
    with pytest.raises(Refused):
        await check(signed(**changed), CLIENT, issuers, NOW)
    assert directory.asked == []


async def test_a_subject_that_is_not_registered_is_logged(issuers: Issuers, caplog: pytest.LogCaptureFixture) -> None:
    """So that an operator can register it; when keys are known, only of a token that they have signed."""
    caplog.set_level(logging.WARNING)
    with pytest.raises(Refused, match="subject"):
        await check(signed(sub="new-subject"), CLIENT, issuers, NOW)
    assert "'new-subject'" in caplog.text
    assert "no keys are known" in caplog.text
    await check(signed(), CLIENT, issuers, NOW)
    caplog.clear()
    with pytest.raises(Refused, match="subject"):
        await check(signed(sub="new-subject"), CLIENT, issuers, NOW)
    assert "its signature is good" in caplog.text
    caplog.clear()
    with pytest.raises(Refused, match="signature"):
        await check(signed(OTHER_KEY, sub="new-subject"), CLIENT, issuers, NOW)
    assert "new-subject" not in caplog.text


async def test_keys_are_fetched_once_and_a_new_one_is_found(issuers: Issuers, directory: Directory) -> None:
    """A rotation of Entra's keys refuses nobody: an unknown kid makes one fetch, at most one a minute."""
    for _ in range(5):
        await check(signed(), CLIENT, issuers, NOW)
    assert len(directory.asked) == 1
    directory.answer = json.dumps({"keys": [jwk(RSA_KEY, "rsa"), jwk(OTHER_KEY, "new")]}).encode()
    for _ in range(5):
        with pytest.raises(Refused, match="unknown-key"):
            await check(signed(OTHER_KEY, "new"), CLIENT, issuers, NOW)
    assert len(directory.asked) == 1
    directory.seconds += PAUSE + 1
    await check(signed(OTHER_KEY, "new"), CLIENT, issuers, NOW)
    assert len(directory.asked) == 2


async def test_known_keys_serve_while_their_address_does_not_answer(issuers: Issuers, directory: Directory) -> None:
    """For a day; then it cannot be told, which is 503 and not a refusal."""
    await check(signed(), CLIENT, issuers, NOW)
    directory.answer = None
    directory.seconds += RENEW_SECONDS + SERVE_SECONDS - 1
    await check(signed(), CLIENT, issuers, NOW)
    directory.seconds += 2
    with pytest.raises(Unavailable) as raised:
        await check(signed(), CLIENT, issuers, NOW)
    assert raised.value.headers["Retry-After"] == "60"


async def test_an_unknown_kid_while_nothing_answers_is_an_outage(issuers: Issuers, directory: Directory) -> None:
    """The key may be new: nobody knows. The address is asked once a minute all the same."""
    directory.answer = None
    for _ in range(3):
        with pytest.raises(Unavailable):
            await check(signed(), CLIENT, issuers, NOW)
    assert len(directory.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no json",
        b"[]",
        b'{"keys": {}}',
        json.dumps({"keys": [jwk(RSA_KEY, "rsa")] * 101}).encode(),
        b'{"keys": [' + b"[" * 100_000 + b"]}",
    ],
)
async def test_an_answer_that_is_no_set_of_keys_is_an_outage(
    issuers: Issuers, directory: Directory, answer: bytes
) -> None:
    """What was known before stays known."""
    directory.answer = answer
    with pytest.raises(Unavailable):
        await check(signed(), CLIENT, issuers, NOW)


async def test_a_key_that_cannot_be_read_spoils_no_other(issuers: Issuers, directory: Directory) -> None:
    """Microsoft may add kinds of keys that this version does not know."""
    broken = [None, 1, {}, {"kid": "a", "kty": "OKP"}, {"kid": "b", "kty": "RSA", "n": "!", "e": "AQAB"}]
    directory.answer = json.dumps({"keys": [*broken, jwk(RSA_KEY, "rsa")]}).encode()
    await check(signed(), CLIENT, issuers, NOW)
