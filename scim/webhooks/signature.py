"""Signatures of Standard Webhooks 1.0, with secrets that follow from one key of the service and are kept nowhere."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Protocol

PREFIX = "whsec_"
_SALT = b"scim webhook secret"


class WebhookKeys(Protocol):
    """The service's key, of which the secrets of all webhooks are made."""

    async def newest(self) -> str:
        """Return the name of the key's newest version. Raises Unavailable, saying where the key has to be put."""
        ...

    async def key(self, version: str) -> bytes:
        """Return a version of the key. Raises Unavailable."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


def secret(key: bytes, tenant: str, webhook_id: str, generation: int) -> bytes:
    """Return a secret of a webhook: HKDF with SHA-256 of the key, for this tenant, webhook and generation. RFC 5869."""
    pseudo_random = hmac.digest(_SALT, key, hashlib.sha256)
    about = "\0".join((tenant, webhook_id, str(generation))).encode()
    return hmac.digest(pseudo_random, about + b"\x01", hashlib.sha256)  # 32 bytes, of the 24 to 64 asked for


def text_of(secret_bytes: bytes) -> str:
    """Return a secret as its receiver gets it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret_bytes).decode()


def headers(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers that sign a message, with one signature for each secret. `timestamp` is in seconds.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(each, signed, hashlib.sha256)).decode() for each in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }
