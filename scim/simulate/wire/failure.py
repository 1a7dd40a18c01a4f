"""What went wrong with one request, in the words of Entra's provisioning log."""

from collections.abc import Mapping

_CODES: Mapping[int, str] = {
    400: "SystemForCrossDomainIdentityManagementBadRequest",
    401: "Unauthorized",
    403: "InsufficientRights",
    404: "InvalidAnchor",
    409: "EntryConflict",
    422: "UnprocessableEntity",
    429: "TooManyRequests",
    501: "NotImplemented",
}
INCOMPATIBLE = "SystemForCrossDomainIdentityManagementServiceIncompatible"
MULTIPLE = "SystemForCrossDomainIdentityManagementMultipleEntriesInResponse"
DUPLICATES = "DuplicateTargetEntries"
TIMEOUT = "Timeout"
DROPPED = "WebExceptionProtocolError"


class Failure(Exception):
    """A request without the answer that Entra needs.

    `quarantines` says that Entra stops the whole job at once: credentials refused, or 404 where 200 is due.
    """

    def __init__(self, code: str, detail: str, status: int | None = None, *, quarantines: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.quarantines = quarantines or status in (401, 403)


def refusal(status: int, detail: str) -> Failure:
    """Return the failure for an error answer; 5xx without a word of their own are InternalServerError."""
    fallback = "InternalServerError" if status >= 500 else INCOMPATIBLE
    return Failure(_CODES.get(status, fallback), detail or f"HTTP {status} without a detail", status)
