"""Assertions of Microsoft Entra in place of a client secret: workload identity federation. RFC 7523, RFC 8725.

PyJWT is imported with the first assertion: no other request needs it.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from scim.access.credential import Federation
from scim.access.issuer import Issuers

MAX_LENGTH = 16 * 1024
"""Characters of an assertion."""
LEEWAY = 60
"""Seconds by which clocks may differ."""
MAX_LIFE = timedelta(hours=24).total_seconds()
ALGORITHMS = ("RS256", "ES256")

_log = logging.getLogger(__name__)


class Refused(Exception):
    """An assertion is not taken; the text is a reason code for the log, never for the answer."""


async def check(text: str, federation: Federation, issuers: Issuers, now: datetime) -> None:
    """Return when the assertion is one of those that the client is registered with.

    Nothing is fetched for one whose claims, signed or not, are not the registered ones. Raises Refused with a reason,
    Unavailable when the issuer's keys cannot be read.
    """
    from jwt.exceptions import PyJWTError

    if len(text) > MAX_LENGTH:
        raise Refused("too-long")
    try:
        header, claims = _unverified(text)
    except (PyJWTError, ValueError, RecursionError) as error:
        raise Refused("unreadable") from error
    _check_header(header)
    _check_claims(claims, federation, issuers.issuer(federation.cloud, federation.entra_tenant), now)
    place = federation.cloud, federation.entra_tenant, header["kid"]
    if claims.get("sub") not in federation.subjects:
        _tell_subject(text, claims, header, issuers.known(*place))
        raise Refused("subject")
    key = await issuers.key(*place)
    if key is None:
        raise Refused("unknown-key")
    _check_signature(text, header, key)


def _unverified(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    import jwt

    claims = jwt.decode(text, options={"verify_signature": False, "verify_exp": False, "verify_iat": False})
    return jwt.get_unverified_header(text), claims


def _check_header(header: Mapping[str, Any]) -> None:
    """Other members, such as jku, x5u and jwk, which name keys, are not looked at; PyJWT refuses critical ones."""
    if header.get("alg") not in ALGORITHMS:
        raise Refused("algorithm")
    if not isinstance(header.get("kid"), str) or not header["kid"] or len(header["kid"]) > 200:
        raise Refused("key-id")


def _check_claims(claims: Mapping[str, Any], federation: Federation, issuer: str, now: datetime) -> None:
    if claims.get("iss") != issuer:
        raise Refused("issuer")
    if claims.get("tid") != federation.entra_tenant:
        raise Refused("tenant")
    if not isinstance(claims.get("sub"), str):
        raise Refused("subject")
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience not in federation.audiences:
        raise Refused("audience")
    issued, begins, expires = (_seconds(claims.get(name)) for name in ("iat", "nbf", "exp"))
    moment = now.timestamp()
    if expires + LEEWAY <= moment:
        raise Refused("expired")
    if begins - LEEWAY > moment or issued - LEEWAY > moment:
        raise Refused("not-yet-valid")
    if expires - min(issued, begins) > MAX_LIFE:
        raise Refused("lives-too-long")


def _seconds(value: Any) -> float:
    """Return a NumericDate; RFC 7519 §2 has it as a number, and a text is none."""
    if type(value) not in (int, float) or not abs(value) < 1e12:
        raise Refused("times-missing")
    return float(value)


def _check_signature(text: str, header: Mapping[str, Any], key: tuple[str, Any]) -> None:
    import jwt
    from jwt.exceptions import PyJWTError

    algorithm, public = key
    if header["alg"] != algorithm:
        raise Refused("algorithm")
    try:
        jwt.decode(text, public, algorithms=[algorithm], options=_SIGNATURE_ONLY)
    except (PyJWTError, ValueError) as error:
        raise Refused("signature") from error


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""The claims are checked above, by the service's own clock."""


def _tell_subject(text: str, claims: Mapping[str, Any], header: Mapping[str, Any], key: tuple[str, Any] | None) -> None:
    """Log the subject of an assertion that passes all else, so that it can be registered."""
    signature = "its signature is not checked, since no keys are known yet"
    if key is not None:
        _check_signature(text, header, key)
        signature = "its signature is good"
    _log.warning(
        "an assertion passes all but its subject %r, which is not registered; %s", claims["sub"][:100], signature
    )
