"""Signatures: a receiver checks them with the library of Standard Webhooks, and no secret is kept anywhere."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from scim.webhooks.signature import headers, secret, text_of

KEY = b"a-webhook-key-of-32-characters-and-more"
BODY = '{"type":"user.created","data":{"userName":"Mïra"}}'.encode()


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def test_the_library_takes_a_signature() -> None:
    """And none for another body."""
    made = secret(KEY, "scim", "w", 1)
    signed = headers([made], "m-1", now(), BODY)
    assert Webhook(text_of(made)).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(text_of(made)).verify(BODY + b" ", signed)


def test_two_secrets_sign_while_one_is_rotated() -> None:
    """So that a receiver changes its secret at a time of its own."""
    old, new = secret(KEY, "scim", "w", 1), secret(KEY, "scim", "w", 2)
    signed = headers([new, old], "m-1", now(), BODY)
    for each in (old, new):
        assert Webhook(text_of(each)).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(text_of(secret(KEY, "scim", "w", 3))).verify(BODY, signed)


def test_a_secret_follows_from_key_tenant_webhook_and_generation() -> None:
    """By HKDF, so that whoever has one cannot tell another."""
    about = [(KEY, "scim", "w", 1), (KEY + b"x", "scim", "w", 1), (KEY, "s", "w", 1), (KEY, "scim", "v", 1)]
    made = [secret(*each) for each in [*about, (KEY, "scim", "w", 2)]]
    assert len(set(made)) == len(made)
    expected = HKDF(hashes.SHA256(), 32, b"scim webhook secret", b"scim\0w\x001").derive(KEY)
    assert made[0] == expected


def test_a_secret_is_told_as_the_specification_says() -> None:
    """`whsec_` and base64, 24 to 64 bytes."""
    text = text_of(secret(KEY, "scim", "w", 1))
    assert text.startswith("whsec_")
    assert len(base64.b64decode(text.removeprefix("whsec_"))) == 32
