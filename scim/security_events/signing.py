"""What signs Security Event Tokens: a private key in PEM, and the public keys by which receivers check them."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from scim.security_events.token import Claims

Algorithm = Literal["ES256", "RS256"]
ALGORITHMS: tuple[Algorithm, ...] = ("ES256", "RS256")
TYPE = "secevent+jwt"
"""The `typ` of every token, by which no other JWT is taken for one. RFC 8417 §2.3."""
RSA_BITS = 3072
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 4096
MAX_PEM = 25_000
"""Characters of a key; a secret of Key Vault has no more."""
_REQUIRED = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}

Jwk = dict[str, str]


class BadKey(Exception):
    """A text is no key that can sign; the message says why, and never a part of the text."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs: its id, which is the thumbprint of its public half (RFC 7638), its algorithm, and that half."""

    kid: str
    algorithm: Algorithm
    jwk: Jwk
    private: Any = field(repr=False)

    def signed(self, claims: Claims) -> str:
        """Return the token with these claims. RFC 7515 §3.1."""
        return jwt.encode(claims, self.private, self.algorithm, headers={"typ": TYPE, "kid": self.kid})


class SigningKeys(Protocol):
    """The service's keys: one that signs now, and those whose tokens may still be under way."""

    async def signer(self) -> SigningKey:
        """Return the key that signs now. Raises Unavailable, saying how one is made."""
        ...

    async def public(self) -> Sequence[Jwk]:
        """Return the public keys, the newest first; none where there is no key. Raises Unavailable."""
        ...

    async def add(self, pem: str, *, first: bool) -> str:
        """Keep a new key, and return where. Raises InvalidValue when there is one already, or, if not first, none.

        For a person's desk: the service itself may not write there.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


def new_pem(algorithm: Algorithm = "ES256") -> str:
    """Return a new private key in PEM: one on the curve P-256, or one of RSA with RSA_BITS bits."""
    key = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_of(pem: str) -> SigningKey:
    """Return the key of a PEM text. Raises BadKey unless it is one of P-256, or of RSA with 2048 to 4096 bits."""
    if len(pem) > MAX_PEM:
        raise BadKey(f"it has more than {MAX_PEM:,} characters")
    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except Exception:  # the library raises many kinds, whose texts may say something of the key
        raise BadKey("it is no private key in PEM without a password") from None
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        return _key(private, "ES256", dict(ECAlgorithm.to_jwk(private.public_key(), as_dict=True)))
    if isinstance(private, rsa.RSAPrivateKey) and MIN_RSA_BITS <= private.key_size <= MAX_RSA_BITS:
        return _key(private, "RS256", dict(RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)))
    raise BadKey(f"it is neither of the curve P-256, nor of RSA with {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")


def _key(private: Any, algorithm: Algorithm, public: dict[str, Any]) -> SigningKey:
    needed = {name: str(public[name]) for name in _REQUIRED[public["kty"]]}
    kid = _thumbprint(needed)
    return SigningKey(kid, algorithm, {**needed, "use": "sig", "alg": algorithm, "kid": kid}, private)


def _thumbprint(needed: Jwk) -> str:
    """RFC 7638 §3."""
    text = json.dumps(needed, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
