"""The answers of `/manage/v1`: plain JSON that nobody may keep, with an entity tag, and problem details."""

from http import HTTPStatus
from typing import Any

from scim.protocol import entity_tag
from scim.protocol.errors import ScimError
from scim.service.messages import JSON, NO_STORE, Request, Response

PROBLEM = "application/problem+json"


def answer(status: int, body: Any) -> Response:
    """Return what an operation answers; 204 has no body."""
    return Response(status, body, NO_STORE, JSON)


def problem(error: ScimError) -> Response:
    """Return problem details. RFC 9457."""
    body = {"type": "about:blank", "title": HTTPStatus(error.status).phrase, "status": error.status}
    return Response(error.status, body | {"detail": error.detail}, {**error.headers, **NO_STORE}, PROBLEM)


def unless_known(request: Request, response: Response) -> Response:
    """Return an answer with its entity tag, or 304 where the client has it: the console asks again and again."""
    if response.status != 200 or response.body is None:
        return response
    content = response.content()
    tag = entity_tag.of_content(content)
    headers = {**response.headers, "ETag": tag}
    if request.knows(tag):
        return Response(304, None, headers, response.media_type)
    return Response(200, response.body, headers, response.media_type, written=content)
