"""An event of the feed as the claims of a Security Event Token: RFC 8417, with the events of SCIM in RFC 9967."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from scim.directory.events import MEMBERS_CHANGED, ROLES_CHANGED, TYPES, Event

PROVISIONING = "urn:ietf:params:scim:event:prov:"
URIS = tuple(
    f"{PROVISIONING}{each}"
    for each in ("create:notice", "patch:notice", "put:notice", "delete", "activate", "deactivate")
)
"""The events that tokens are about. RFC 9967 §2.4."""
MEDIA_TYPE = "application/secevent+jwt"
"""RFC 8417 §7.2."""
TOKEN_TYPES = tuple(each for each in TYPES if each != ROLES_CHANGED)
"""Events of the feed of which there are tokens: each but a change of roles, which SCIM does not know."""
MAX_TOKEN = 30_000
"""Bytes of a signed token, which the bounds of what an event repeats keep it below."""
MAX_NAMES = 6_000
"""Characters of the names of attributes that a token lists; those behind them are left out."""
JWKS = "events/jwks"
"""Where the public keys are, below the Tenant URL."""

Claims = dict[str, Any]
_PATHS = {"user": "/Users", "group": "/Groups"}


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom tokens are for: the id of the stream or webhook, who issues them, and for whom they are.

    `issuer` is the Tenant URL, `audience` the address of the stream or of the webhook's receiver.
    """

    id: str
    issuer: str
    audience: str

    def token_id(self, event: Event, suffix: str = "") -> str:
        """Return the `jti` of the token of an event for this recipient: no other token of the service has it."""
        return f"{self.id}.{event['sequence']}.{event['id']}{suffix}"


def has_token(event: Event) -> bool:
    """Whether there is a token of an event."""
    return bool(event["type"] != ROLES_CHANGED)


def claims(event: Event, recipient: Recipient) -> Claims:
    """Return the claims of the token of an event that has one.

    They are the same however often they are made: `iat` is the time of the change, for which the event stands, and
    `txn` is that of its transaction, which all of its tokens share. There is no `exp`. RFC 8417 §2.2.
    """
    return enveloped(event, recipient, recipient.token_id(event), scim_subject(event), _events(event))


def scim_subject(event: Event) -> dict[str, Any]:
    """Return whom an event is about, as SCIM names users and groups. RFC 9967 §2.1."""
    data = event["data"]
    subject = {"format": "scim", "uri": f"{_PATHS[_kind(event)]}/{data['id']}"}
    return subject | ({"externalId": data["externalId"]} if "externalId" in data else {})


def enveloped(
    event: Event, recipient: Recipient, token_id: str, subject: Mapping[str, Any], events: Mapping[str, Any]
) -> Claims:
    """Return the claims of a token about a subject, whose events follow from one event of the feed."""
    return {
        "iss": recipient.issuer,
        "aud": recipient.audience,
        "iat": seconds_of(event),
        "jti": token_id,
        "txn": event["id"].partition("-")[0],
        "sub_id": dict(subject),
        "events": dict(events),
    }


def seconds_of(event: Event) -> int:
    """Return when an event happened, in seconds since 1970."""
    return int(datetime.fromisoformat(event["timestamp"]).timestamp())


def _events(event: Event) -> dict[str, Any]:
    """Return the events of a token by their URIs; two where one change has flipped `active` and more. RFC 9967 §2.4."""
    data, what = event["data"], event["type"].partition(".")[2]
    if what == "created":
        return _notice("create", ["id", *data.get("changed", ())], data)
    if what == "deleted":
        return {f"{PROVISIONING}delete": {}}
    if event["type"] in MEMBERS_CHANGED:
        # The members of a new group come with its POST, but in an event of their own: to the group they are a change.
        return _notice(_verb(event), ["members"], data)
    if what == "updated":
        return _notice(_verb(event), data["changed"], data)
    turned = {f"{PROVISIONING}{'activate' if what == 'activated' else 'deactivate'}": _version(data)}
    further = [each for each in data["changed"] if each != "active"]
    return turned | (_notice(_verb(event), data["changed"], data) if further else {})


def _notice(verb: str, attributes: list[str], data: Mapping[str, Any]) -> dict[str, Any]:
    sizes = accumulate(map(len, attributes))
    named = [name for name, size in zip(attributes, sizes, strict=True) if size <= MAX_NAMES]
    return {f"{PROVISIONING}{verb}:notice": {"attributes": named, **_version(data)}}


def _version(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": data["version"]} if "version" in data else {}


def _verb(event: Event) -> str:
    return "put" if event.get("method") == "PUT" else "patch"


def _kind(event: Event) -> str:
    return str(event["type"].partition(".")[0])
