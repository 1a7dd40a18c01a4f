"""The end of a user's sessions as a token of its own: `session-revoked` of CAEP 1.0.

https://openid.net/specs/openid-caep-1_0.html, section 3.1
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from scim.directory.events import MAX_TEXT, Event
from scim.protocol.resource import Resource
from scim.security_events.token import Claims, Recipient, enveloped, scim_subject, seconds_of

SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
SubjectFormat = Literal["email", "iss_sub", "scim"]
SUBJECT_FORMATS: tuple[SubjectFormat, ...] = get_args(SubjectFormat)
"""How a receiver knows a user: RFC 9493 §3.2.2, §3.2.4, and RFC 9967 §2.1."""


def ends_sessions(event: Event) -> bool:
    """Whether a user who could sign in until then cannot any more: disabled, or deleted without that."""
    deleted_active = event["type"] == "user.deleted" and event["data"].get("active") is True
    return event["type"] == "user.deactivated" or deleted_active


def session_revoked(event: Event, recipient: Recipient, subject: Mapping[str, Any]) -> Claims:
    """Return the claims of the token that all sessions of a user have ended, with the `txn` of the other token."""
    token_id = recipient.token_id(event, "-session")
    events = {SESSION_REVOKED: {"event_timestamp": seconds_of(event)}}
    return enveloped(event, recipient, token_id, subject, events)


def subject_of(known_as: SubjectFormat, event: Event, issuer: str, user: Resource | None) -> dict[str, Any] | None:
    """Return who an event is about, as a receiver knows users; None where the user has no such name.

    `issuer` is who has given the `sub` that is the user's externalId; `user` is as stored, None when gone.
    """
    if known_as == "scim":
        return scim_subject(event)
    if known_as == "iss_sub":
        external_id = event["data"].get("externalId")
        return {"format": "iss_sub", "iss": issuer, "sub": external_id} if external_id else None
    email = email_of(user or {})
    return {"format": "email", "email": email} if email else None


def email_of(user: Resource) -> str:
    """Return the primary e-mail address of a user, else that of work, else the first; empty where there is none."""
    listed = user.get("emails")
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    known = [each for each in found if isinstance(each.get("value"), str) and 0 < len(each["value"]) <= MAX_TEXT]
    known.sort(key=lambda each: (each.get("primary") is not True, each.get("type") != "work"))
    return str(known[0]["value"]) if known else ""
