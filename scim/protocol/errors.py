"""SCIM errors: one class for each row of RFC 7644 tables 8 and 9 that the service can answer."""

from typing import Any, ClassVar

ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """A failure that a client is told about: HTTP status, scimType and a detail that says what to change.

    The detail names attributes and ids, never secrets or values of attributes that are never returned.
    RFC 7644 §3.12.
    """

    status: ClassVar[int] = 400
    scim_type: ClassVar[str | None] = None

    def __init__(self, detail: str, attribute: str = "") -> None:
        """`attribute` is the path of the one at fault as its schema spells it, for the log, which gets no detail."""
        super().__init__(detail)
        self.detail = detail
        self.attribute = attribute

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers that go with the error."""
        return {}

    def body(self) -> dict[str, Any]:
        """Return the error as the message that RFC 7644 §3.12 defines; `status` is a string there."""
        body: dict[str, Any] = {"schemas": [ERROR_SCHEMA], "status": str(self.status)}
        if self.scim_type:
            body["scimType"] = self.scim_type
        body["detail"] = self.detail
        return body


class InvalidFilter(ScimError):
    """The filter cannot be parsed, is over a limit, or compares what cannot be compared."""

    scim_type = "invalidFilter"


class TooMany(ScimError):
    """The query would read more than the service is willing to read for one request."""

    scim_type = "tooMany"


class Uniqueness(ScimError):
    """Another resource already has the unique value."""

    status = 409
    scim_type = "uniqueness"


class Mutability(ScimError):
    """The request changes a value that a client may not change."""

    scim_type = "mutability"


class InvalidSyntax(ScimError):
    """The body is not the JSON message that the operation takes."""

    scim_type = "invalidSyntax"


class InvalidPath(ScimError):
    """The path of a PATCH operation cannot be parsed."""

    scim_type = "invalidPath"


class NoTarget(ScimError):
    """The path of a PATCH operation is missing where it must not be, or selects nothing."""

    scim_type = "noTarget"


class InvalidValue(ScimError):
    """A value is missing or does not fit its attribute."""

    scim_type = "invalidValue"


class InvalidCursor(ScimError):
    """The cursor was not made by this service for this query. RFC 9865 §2.1."""

    scim_type = "invalidCursor"


class InvalidCount(ScimError):
    """The count cannot be served. RFC 9865 §2.1."""

    scim_type = "invalidCount"


class CursorExpired(ScimError):
    """The cursor of the feed leads to events that are not kept any more; the reader starts anew."""

    status = 410
    scim_type = "cursor_expired"


class FeedBroken(ScimError):
    """An event of the feed is missing, which only a fault of this service can cause."""

    status = 500


class Unauthorized(ScimError):
    """The request carries no valid token. RFC 7644 §2, RFC 6750 §3, RFC 9728 §5.1.

    `metadata` is the address of what tells how to get one, `presented` whether the request came with a token.
    """

    status = 401

    def __init__(self, detail: str, presented: bool = False, metadata: str = "") -> None:
        super().__init__(detail)
        self.presented, self.metadata = presented, metadata

    @property
    def headers(self) -> dict[str, str]:
        parts = ['error="invalid_token"'] if self.presented else []
        parts += [f'resource_metadata="{self.metadata}"'] if self.metadata else []
        return {"WWW-Authenticate": "Bearer " + ", ".join(parts or ['realm="scim"'])}


class Forbidden(ScimError):
    """The request is understood and not allowed. RFC 7644 §4 for filters on discovery."""

    status = 403


class InsufficientScope(ScimError):
    """The credential is valid and may not do this. RFC 6750 §3.1."""

    status = 403

    def __init__(self, detail: str, scope: str = "provision") -> None:
        super().__init__(detail)
        self.scope = scope

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{self.scope}"'}


class NotFound(ScimError):
    """No such resource or endpoint."""

    status = 404


class MethodNotAllowed(ScimError):
    """The endpoint exists and does not take this method."""

    status = 405

    def __init__(self, detail: str, allowed: str) -> None:
        super().__init__(detail)
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": self.allowed}


class Conflict(ScimError):
    """The request contradicts the state of things, as a bulkId that stands for nothing. RFC 7644 §3.7.1."""

    status = 409


class PreconditionFailed(ScimError):
    """If-Match names another version than the current one, or If-None-Match names it. RFC 7644 §3.14."""

    status = 412


class PayloadTooLarge(ScimError):
    """The body, or what would be stored, is larger than the service takes. RFC 7644 §3.7.4."""

    status = 413


class UnsupportedMediaType(ScimError):
    """The body is compressed: how large it is could be known only after the work. RFC 9110 §15.5.16, §12.5.3."""

    status = 415

    @property
    def headers(self) -> dict[str, str]:
        return {"Accept-Encoding": "identity"}


class TooManyRequests(ScimError):
    """The credential sends more than its share; the client shall try again later. RFC 6585 §4.

    `quota` is how many requests a second it may send in the long run.
    draft-ietf-httpapi-ratelimit-headers-11.
    """

    status = 429

    def __init__(self, detail: str, retry_after: int = 1, quota: int = 1) -> None:
        super().__init__(detail)
        self.retry_after, self.quota = retry_after, quota

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Retry-After": str(self.retry_after),
            "RateLimit-Policy": f'"credential";q={self.quota};w=1',
            "RateLimit": f'"credential";r=0;t={self.retry_after}',
        }


class NotImplementedHere(ScimError):
    """The operation is not offered. RFC 7644 §3.11 for /Me."""

    status = 501


class Unavailable(ScimError):
    """The storage or the token source does not answer now; the client shall try again later."""

    status = 503

    def __init__(self, detail: str, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}
