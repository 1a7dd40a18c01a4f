"""Keys: which can sign, how their ids come about, and that old ones stay with receivers after a rotation."""

import base64
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from scim.protocol.errors import InvalidValue, Unavailable
from scim.security_events.local_key import MAX_KEYS, FileSigningKeys
from scim.security_events.signing import ALGORITHMS, BadKey, key_of, new_pem

CLAIMS: dict[str, Any] = {"iss": "https://scim.example/scim/v2", "aud": "x", "jti": "1", "events": {"a": {}}}


def pem(private: Any, **encryption: Any) -> str:
    with_password = BestAvailableEncryption(b"x") if encryption else NoEncryption()
    return str(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, with_password).decode())


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_key_signs_what_its_public_half_verifies(algorithm: Any) -> None:
    """With either algorithm, by PyJWT and by the mathematics alone."""
    key = key_of(new_pem(algorithm))
    token = key.signed(CLAIMS)
    assert jwt.decode(token, jwt.PyJWK(key.jwk), algorithms=[algorithm], audience="x") == CLAIMS
    header, payload, signature = token.split(".")
    assert json.loads(decoded(header)) == {"alg": algorithm, "kid": key.kid, "typ": "secevent+jwt"}
    public, signed, raw = key.private.public_key(), f"{header}.{payload}".encode(), decoded(signature)
    if algorithm == "ES256":
        both = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
        public.verify(utils.encode_dss_signature(*both), signed, ec.ECDSA(hashes.SHA256()))
    else:
        public.verify(raw, signed, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_id_is_the_thumbprint_of_the_public_half(algorithm: Any) -> None:
    """RFC 7638: whoever has the key comes to the same id, wherever it lies. Nothing private is in it."""
    key = key_of(new_pem(algorithm))
    needed = ("crv", "kty", "x", "y") if algorithm == "ES256" else ("e", "kty", "n")
    text = json.dumps({name: key.jwk[name] for name in needed}, separators=(",", ":"))
    assert decoded(key.kid) == hashlib.sha256(text.encode()).digest()
    assert set(key.jwk) == {*needed, "use", "alg", "kid"}
    assert "private" not in repr(key)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no private key"),
        ("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----", "no private key"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "P-256"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)), "2048"),  # noqa: S505
        (pem(ec.generate_private_key(ec.SECP256R1()), password=True), "without a password"),
        (
            ec.generate_private_key(ec.SECP256R1())
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            "no private key",
        ),
        ("x" * 25_001, "25,000"),
    ],
)
def test_what_cannot_sign_is_refused(text: str, reason: str) -> None:
    """With why, and nothing of its text."""
    with pytest.raises(BadKey, match=reason) as caught:
        key_of(text)
    assert "secret" not in str(caught.value)


async def test_a_file_has_its_keys_for_its_owner_alone(tmp_path: Path) -> None:
    """The newest signs; the old ones stay published, so that tokens under way can be checked."""
    path = tmp_path / "keys.pem"
    keys, made = FileSigningKeys(path), [new_pem() for _ in range(3)]
    await keys.add(made[0], first=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for each in made[1:]:
        await keys.add(each, first=False)
    expected = [key_of(each).kid for each in reversed(made)]
    assert [each["kid"] for each in await keys.public()] == expected
    assert (await keys.signer()).kid == expected[0]
    again = FileSigningKeys(path)
    assert [each["kid"] for each in await again.public()] == expected


async def test_a_file_keeps_the_newest_keys_alone(tmp_path: Path) -> None:
    """Ten: tokens of older ones are long gone."""
    keys = FileSigningKeys(tmp_path / "keys.pem")
    await keys.add(new_pem(), first=True)
    for _ in range(MAX_KEYS + 1):
        await keys.add(new_pem(), first=False)
    assert len(await keys.public()) == MAX_KEYS


async def test_a_first_key_is_made_once_and_rotated_then(tmp_path: Path) -> None:
    """Who creates where there is one would end it without meaning to."""
    keys = FileSigningKeys(tmp_path / "keys.pem")
    with pytest.raises(InvalidValue, match="signing-key create"):
        await keys.add(new_pem(), first=False)
    await keys.add(new_pem(), first=True)
    with pytest.raises(InvalidValue, match="signing-key rotate"):
        await keys.add(new_pem(), first=True)
    assert len(await keys.public()) == 1


async def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """Neither of a damaged one nor of a missing one is anything signed."""
    path = tmp_path / "keys.pem"
    keys = FileSigningKeys(path)
    assert await keys.public() == []
    with pytest.raises(Unavailable, match="signing-key create"):
        await keys.signer()
    await keys.add(new_pem(), first=True)
    path.write_text("-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----\n")
    with pytest.raises(Unavailable, match="cannot be used"):
        await keys.signer()
    with pytest.raises(Unavailable, match="SCIM_KEY_VAULT"):
        await FileSigningKeys(None).signer()
    with pytest.raises(InvalidValue, match="SCIM_SIGNING_KEY"):
        await FileSigningKeys(None).add(new_pem(), first=True)
    with pytest.raises(Unavailable, match="cannot be written"):
        await FileSigningKeys(tmp_path / "no" / "such").add(new_pem(), first=True)
