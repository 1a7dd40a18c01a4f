"""A transport for the simulator that judges every single answer: is it SCIM, and does it say when to come back?"""

from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Self

import aiohttp

from scim.protocol.errors import ERROR_SCHEMA
from scim.simulate.wire.failure import Failure
from scim.simulate.wire.transport import Answer, Transport, Wire

_WAITING = (429, 503)


class Witness(Transport):
    """The simulator's transport; `complaints` counts answers that are not as they must be, by what is wrong."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.complaints: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        assert self._session is not None  # noqa: S101
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._look_at_headers)
        trace.freeze()
        self._session.trace_configs.append(trace)
        return self

    async def request(self, kind: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        if method != "POST":
            return await super().request(kind, method, path, body)
        # A creation that got 503 may have been made. The simulator, told so, looks for it in the next cycle; a POST
        # at once would meet 409, which tells it nothing.
        answer, _ = await self._once(kind, method, path, body)
        return answer

    async def _once(self, kind: str, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[Answer, float]:
        try:
            answer, wait = await super()._once(kind, method, path, body)
        except Failure as failure:
            self.complaints[f"no answer: {failure.code}"] += 1
            raise
        if answer.status >= 400:
            self._look_at_error(answer)
        return answer, wait

    async def _look_at_headers(
        self, _: aiohttp.ClientSession, __: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        response = end.response
        if response.status in _WAITING and not response.headers.get("Retry-After", "").isdigit():
            self.complaints[f"{response.status} without Retry-After"] += 1
        if response.status != 204 and response.content_type != "application/scim+json":
            self.complaints[f"Content-Type {response.content_type}"] += 1

    def _look_at_error(self, answer: Answer) -> None:
        if answer.status >= 500 and answer.status not in _WAITING:
            self.complaints[f"status {answer.status}"] += 1
        try:
            document = answer.document()
        except Failure:
            self.complaints["an error without a JSON object"] += 1
            return
        if document.get("schemas") != [ERROR_SCHEMA] or document.get("status") != str(answer.status):
            self.complaints["an error that is no SCIM error"] += 1
