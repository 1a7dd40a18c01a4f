"""Rows in a table of Azure Table Storage, through the SDK's asynchronous client."""

import asyncio
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableClient

from scim.protocol.errors import PayloadTooLarge, Unavailable
from scim.storage.rows import (
    Delete,
    Insert,
    Replace,
    Row,
    RowChange,
    RowConflict,
    Touch,
    check_key,
    check_limits,
    is_key,
    new_mark,
)

PAGE = 1_000
"""Rows that one query returns at most."""
TRIES = 4
BUDGET_SECONDS = 20.0
"""No try begins later than this after the first, so that the last one ends within an HTTP request's patience."""
TRY_SECONDS = 15.0
"""One try in all: a token, a connection, an answer."""
CONNECT_SECONDS = 3
READ_SECONDS = 10
MAX_PAUSE = 2.0
"""Seconds between two tries at most; a service that asks for more is left alone and the client told to wait."""

PIECE = 16_000
"""Characters in one property: at most 64,000 bytes as UTF-16, of the 65,536 that a property may have."""
_NONCE = "nonce"
_TOUCH = "touch"
_TRANSIENT = {408, 429, 500, 502, 503, 504}
_CONFLICT = {404, 409, 412}
# `check_limits` is stricter than the service; its emulator measures some text by the longer form in which it travels.
_TOO_LARGE = {"EntityTooLarge", "PropertyValueTooLarge", "RequestBodyTooLarge"}
_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_ROLE = "the role Storage Table Data Contributor on the storage account"

T = TypeVar("T")
Operation = tuple[str, dict[str, str], dict[str, Any]]


def new_transport() -> AsyncHttpTransport[Any, Any]:
    """Return a transport with the time limits of one try."""
    # Without use_env_settings=False each call looks for a netrc file in a thread, half of the CPU of a call.
    transport: AsyncHttpTransport[Any, Any] = AioHttpTransport(
        use_env_settings=False, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
    )
    return transport


class TableRows:
    """Rows in one table, which is made when it is missing.

    A row is an entity: the body in string properties b0, b1, ..., `modified`, `nonce` (which commit wrote the
    body) and `touch` (which commit touched the row since). The version is the entity's ETag.

    **Tries.** Each call is tried up to four times, at most 20 seconds after the first try; then it is
    `Unavailable`. The SDK's own retries are off: they know nothing of the next paragraph, do not repeat a
    transaction after a lost connection, and sleep for as long as the service asks.

    **Lost answers.** A try may have been applied although its answer was lost, and then the next one conflicts
    with it. So, after a conflict on a second or later try, the rows are read back:

    1. A row bears this commit's nonce: it was applied, which is success. Its versions are those read; a row that
       somebody changed since gets a version that matches nothing, so that a client cannot overwrite unseen.
    2. A row still has the version that the commit was to replace or delete: it was not applied, a true conflict.
    3. The commit inserts, and its row is not there or is another's: a true conflict. Wrong only if others replaced
       or deleted, within those seconds, each row that it wrote; so a commit that must be judged right inserts a
       row of its own that stays, as each change of the directory does with its change row.
    4. The commit only deletes, and all its rows are gone: success. Perhaps others deleted them, but they are gone,
       which is all that such a commit promises.
    5. Otherwise nobody can tell, and it is `Unavailable`, which says neither.

    The same row that stays makes the service refuse a try that arrives late, after the client has gone on.

    There is one client for each event loop; `close` releases the one of the running loop.
    """

    def __init__(
        self,
        make_client: Callable[[AsyncTokenCredential | None, AsyncHttpTransport[Any, Any]], TableClient],
        table: str,
        make_credential: Callable[[], AsyncTokenCredential] | None = None,
        *,
        make_transport: Callable[[], AsyncHttpTransport[Any, Any]] = new_transport,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep how to connect; nothing is sent. Prefer the two class methods.

        Raises ValueError when the table cannot have this name.
        """
        if not _TABLE_NAME.fullmatch(table):
            raise ValueError(f"a table's name is 3 to 63 letters and digits, the first a letter, not {table!r:.80}")
        self._make_client, self._make_credential = make_client, make_credential
        self._make_transport, self._sleep, self._table = make_transport, sleep, table
        self._clock = clock
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[TableClient, AsyncTokenCredential | None]] = (
            WeakKeyDictionary()
        )

    @classmethod
    def from_connection_string(cls, text: str, table: str, **options: Any) -> "TableRows":
        """Return rows in a table that a connection string with a key leads to, as for the emulator.

        Raises ValueError when the text is not a connection string or the name not a table's.
        """

        def make_client(_: AsyncTokenCredential | None, transport: AsyncHttpTransport[Any, Any]) -> TableClient:
            return TableClient.from_connection_string(text, table, transport=transport, **PIPELINE)

        TableClient.from_connection_string(text, "check")  # fails now, not at the first request
        return cls(make_client, table, **options)

    @classmethod
    def from_endpoint(
        cls, url: str, table: str, make_credential: Callable[[], AsyncTokenCredential], **options: Any
    ) -> "TableRows":
        """Return rows in a table of the account at `url`, https://NAME.table.core.windows.net.

        The credential is made at the first use, and closed by `close`.
        Raises ValueError when the URL is not an https one or the name not a table's.
        """

        def make_client(
            credential: AsyncTokenCredential | None, transport: AsyncHttpTransport[Any, Any]
        ) -> TableClient:
            return TableClient(url, table, credential=credential, transport=transport, **PIPELINE)

        if not url.startswith("https://"):
            raise ValueError(f"the table endpoint begins with https://, not {url!r:.80}")
        return cls(make_client, table, make_credential, **options)

    async def read(self, partition: str, key: str) -> Row | None:
        # Keys come from URLs too; one that cannot be written is not there, and must not reach a URL of the service.
        if not is_key(key):
            return None
        entity = await self._entity(partition, key)
        return None if entity is None else _row(entity)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        ask = partial(
            _page,
            bounds={"partition": partition, "after": after, "before": before},
            # The SDK makes the ETag from the timestamp should the service leave it out of a selection.
            select=["RowKey", "Timestamp", "modified", _NONCE, _TOUCH] if keys_only else None,
        )
        rows: list[Row] = []
        token: Any = None
        while len(rows) < limit:
            found, token = await self._answer(partial(ask, size=min(PAGE, limit - len(rows)), token=token))
            rows += [_row(entity) for entity in found]
            if not token:
                break
        return rows

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        check_key(partition)
        check_limits(changes)
        nonce = mark or new_mark()
        operations = [_operation(partition, change, nonce) for change in changes]
        sent = 0

        async def send(client: TableClient) -> Any:
            nonlocal sent
            sent += 1
            return await client.submit_transaction(operations)

        try:
            answers = await self._answer(send)
        except HttpResponseError as error:
            if _code(error) in _TOO_LARGE:
                raise PayloadTooLarge(
                    f"Table Storage finds the change too large ({_words(error)}). Send fewer or shorter values."
                ) from error
            if error.status_code not in _CONFLICT:
                raise
            if sent == 1:
                raise _conflict(error) from error
            return await self._settled(partition, changes, nonce, error)
        return [
            "" if isinstance(change, Delete) else str(answer["etag"])
            for change, answer in zip(changes, answers, strict=True)
        ]

    async def check(self) -> None:
        await self._entity("check", "check")

    async def close(self) -> None:
        for each in self._open.pop(asyncio.get_running_loop(), ()):
            if each is not None:
                await each.close()

    async def _entity(self, partition: str, key: str) -> TableEntity | None:
        try:
            return await self._answer(lambda client: client.get_entity(partition, key))
        except ResourceNotFoundError:
            return None

    async def _settled(
        self, partition: str, changes: Sequence[RowChange], nonce: str, error: HttpResponseError
    ) -> list[str]:
        """Return the versions if an earlier try was applied; raise what it was otherwise (see the class)."""
        pairs = [(change, await self._entity(partition, change.key)) for change in changes]
        if any(_bears(entity, change, nonce) for change, entity in pairs):
            return [_version(entity, change, nonce) for change, entity in pairs]
        if any(_stands(entity, change) or isinstance(change, Insert) for change, entity in pairs):
            raise _conflict(error) from error
        if any(not isinstance(change, Delete) for change in changes):
            raise Unavailable("The answer of the storage was lost; repeat the request.", retry_after=1) from error
        return ["" for _ in changes]

    async def _answer(self, ask: Callable[[TableClient], Awaitable[T]]) -> T:
        """Return what the service answers, asked again while that may help and the budget lasts.

        Raises Unavailable, or the SDK's HttpResponseError when the service has refused the request as it is.
        """
        client = self._client()
        deadline = self._clock() + BUDGET_SECONDS
        for number in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(TRY_SECONDS):
                    return await self._asked(client, ask)
            except (AzureError, TimeoutError) as error:
                if denied := _denied(error):
                    raise denied from error
                if not _is_transient(error):
                    raise
                pause = max(_retry_after(error), random.uniform(0.5, 1) * min(MAX_PAUSE, 0.1 * 4**number))  # noqa: S311
                if number == TRIES or pause > MAX_PAUSE or self._clock() + pause > deadline:
                    raise _unavailable(error, client.url) from error
            await self._sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def _asked(self, client: TableClient, ask: Callable[[TableClient], Awaitable[T]]) -> T:
        """Ask once, and once more if the table had to be made first."""
        try:
            return await ask(client)
        except HttpResponseError as error:
            if _code(error) != "TableNotFound":
                raise
        await self._make_table(client)
        return await ask(client)

    async def make_table(self) -> None:
        """Make the table; one that is there is left as it is. Raises Unavailable."""
        await self._answer(self._make_table)

    async def drop_table(self) -> None:
        """Drop the table with all its rows; one that is gone is no error. Raises Unavailable."""
        await self._answer(lambda client: client.delete_table())  # the SDK takes 404 for done

    async def _make_table(self, client: TableClient) -> None:
        try:
            await client.create_table()
        except HttpResponseError as error:
            if _is_transient(error):
                raise
            if error.status_code == 409:  # another instance was faster
                return
            raise Unavailable(
                f"The table '{self._table}' does not exist and cannot be made ({_words(error)}). Make it, or give"
                f" the app's identity {_ROLE}."
            ) from error

    def _client(self) -> TableClient:
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            credential = self._make_credential() if self._make_credential else None
            self._open[loop] = (self._make_client(credential, self._make_transport()), credential)
        return self._open[loop][0]


PIPELINE: dict[str, Any] = {
    # The class says why tries are its own.
    "retry_total": 0,
    # At INFO, the level of a function app, the SDK writes some 20 headers for each call: a fifth of its CPU.
    "http_logging_level": logging.DEBUG,
}


async def _page(
    client: TableClient, bounds: dict[str, str], select: list[str] | None, size: int, token: Any
) -> tuple[list[TableEntity], Any]:
    """Return one page, possibly an empty one, and the token for the next, or None after the last."""
    pages = client.query_entities(
        "PartitionKey eq @partition and RowKey gt @after and RowKey lt @before",
        parameters=bounds,
        select=select,
        results_per_page=size,
    ).by_page(token)
    page = await anext(pages)
    return [entity async for entity in page], pages.continuation_token  # type: ignore[attr-defined]


def _operation(partition: str, change: RowChange, nonce: str) -> Operation:
    """Return a change in the form of the SDK's transactions."""
    entity = {"PartitionKey": partition, "RowKey": change.key}
    match change:
        case Insert(_, body, modified):
            # Otherwise the answer repeats the entity.
            options = {"response_preference": "return-no-content"}
            return "create", entity | _content(body, modified, nonce), options
        case Replace(_, body, version, modified):
            return "update", entity | _content(body, modified, nonce), {"mode": UpdateMode.REPLACE} | _if(version)
        case Delete(_, version):
            return "delete", entity, _if(version)
        case Touch(_, modified):
            touched = {_TOUCH: nonce} | ({"modified": modified} if modified else {})
            return "update", entity | touched, {"mode": UpdateMode.MERGE} | _if(None)


def _if(version: str | None) -> dict[str, Any]:
    """Return the condition that the row has this version, or with None that it is there."""
    if version is None:
        return {"match_condition": MatchConditions.Unconditionally}  # the SDK sends If-Match: *
    return {"match_condition": MatchConditions.IfNotModified, "etag": version}


def _content(body: str, modified: str, nonce: str) -> dict[str, str]:
    pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    content = {f"b{number}": piece for number, piece in enumerate(pieces)} | {_NONCE: nonce}
    return content | {"modified": modified} if modified else content


def _row(entity: TableEntity) -> Row:
    pieces: list[str] = []
    while (piece := entity.get(f"b{len(pieces)}")) is not None:
        pieces.append(piece)
    # A property that was asked for and is not there comes as null.
    mark = entity.get(_TOUCH) or entity.get(_NONCE) or ""
    return Row(entity["RowKey"], "".join(pieces), _etag(entity), entity.get("modified") or "", mark, _order(entity))


def _order(entity: TableEntity) -> str:
    """Return when the service wrote the row, to its 100 ns, as a text that sorts.

    Taken for granted: the service gives a Timestamp when it applies a transaction, and of two transactions of one
    partition, the second of which could see the first, the second gets the later one. Its documents say that it
    maintains the Timestamp on the server, and nothing more.
    https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
    """
    text = getattr(entity.metadata.get("timestamp"), "tables_service_value", "") or ""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<7}"


def _etag(entity: TableEntity) -> str:
    return str(entity.metadata["etag"] or "")


def _bears(entity: TableEntity | None, change: RowChange, nonce: str) -> bool:
    """Return whether the row was written by the commit with the nonce, whatever happened to it since."""
    if entity is None or isinstance(change, Delete):
        return False
    return bool(entity.get(_TOUCH if isinstance(change, Touch) else _NONCE) == nonce)


def _stands(entity: TableEntity | None, change: RowChange) -> bool:
    """Return whether the row is still as a change was to find it, and so cannot have been changed."""
    if entity is None or not isinstance(change, (Replace, Delete)):
        return False
    return change.version in (None, _etag(entity))


def _version(entity: TableEntity | None, change: RowChange, nonce: str) -> str:
    """Return the version that the commit with the nonce gave to the row, or one that matches nothing."""
    if isinstance(change, Delete):
        return ""
    touched_since = not isinstance(change, Touch) and entity is not None and _TOUCH in entity
    if entity is None or touched_since or not _bears(entity, change, nonce):
        return f"W/\"datetime'0001-01-01T00%3A00%3A00.{int(nonce, 16) % 10**7:07}Z'\""
    return _etag(entity)


def _conflict(error: HttpResponseError) -> RowConflict:
    return RowConflict(_words(error))


def _code(error: Exception) -> str:
    """Return the service's error code, or an empty string: it does not always send one."""
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def _words(error: Exception) -> str:
    """Return status and code, or the kind of error: never its text, which can hold what a client has sent."""
    status = getattr(error, "status_code", None)
    return f"{status} {_code(error)}".strip() if status else type(error).__name__


def _is_transient(error: Exception) -> bool:
    """Return whether the same request may succeed a little later; also when an answer could not be understood."""
    if not isinstance(error, HttpResponseError):
        return True
    status = error.status_code
    return status is None or status < 400 or status in _TRANSIENT or _code(error) == "TableBeingDeleted"


def _denied(error: Exception) -> Unavailable | None:
    if not isinstance(error, HttpResponseError):
        return None
    if error.status_code in (401, 403):
        return Unavailable(
            f"Table Storage refuses the app ({_words(error)}). Give its identity {_ROLE}, or correct the connection"
            " string, and let it through the account's firewall. A new role takes minutes to spread.",
            retry_after=60,
        )
    if isinstance(error, ClientAuthenticationError):
        return Unavailable(
            "The app's identity gets no access token for Table Storage: check the managed identity and its client id.",
            retry_after=60,
        )
    return None


def _retry_after(error: Exception) -> float:
    """Return the seconds that the service asks to wait, 0 where it does not."""
    text = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After") or ""
    return float(text) if text.isdecimal() else 0.0


def _unavailable(error: Exception, url: str) -> Unavailable:
    advice = "Start the emulator: make azurite." if "//127.0.0.1:" in url else "Try again later."
    return Unavailable(f"Table Storage does not answer ({_words(error)}). {advice}", int(_retry_after(error)) or 5)
