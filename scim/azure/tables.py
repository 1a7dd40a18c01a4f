"""Rows in a table of Azure Table Storage, through the SDK's asynchronous client."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.data.tables import TableEntity
from azure.data.tables.aio import TableClient

from scim.azure import entities
from scim.azure.connections import READ_SECONDS, Connections, Transport, new_transport
from scim.azure.patience import (
    LATER,
    ROLE,
    START,
    LostAnswer,
    Patience,
    code,
    is_too_large,
    is_transient,
    may_arrive_late,
    may_be_applied,
    words,
)
from scim.protocol.errors import PayloadTooLarge, Unavailable
from scim.storage.rows import (
    Delete,
    Insert,
    Record,
    Row,
    RowChange,
    RowConflict,
    check_key,
    check_limits,
    is_key,
    new_mark,
)
from scim.storage.together import each

BETWEEN = "PartitionKey eq @partition and RowKey gt @after and RowKey lt @before"
PAGE = 1_000
"""Rows that one query returns at most."""
SERVICE_SECONDS = READ_SECONDS - 2
"""Seconds after which the service is to give a transaction up: before we do, so that no try lands that we gave up.

Its default is 30. It is documented for inserts, updates and deletes; whether it holds for transactions too was not
seen on Azure, so nothing relies on it.
https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-table-service-operations
"""
LATE_SECONDS = 30
"""How long the service may go on with a transaction.
https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-table-service-operations
"""
READ_BACK_AT_ONCE = 16
"""Rows that are read at a time to settle a lost answer."""

_CONFLICT = {404, 409, 412}
_TABLE_NAME = re.compile(r"(?!tables$)[A-Za-z][A-Za-z0-9]{2,62}")
# What the SDK raises on an answer of another shape than it expects.
_MISREAD = (ValueError, KeyError, TypeError, AttributeError, IndexError)

MISSING = "the table '%s' does not exist"
"""The line of the log that an alert reads (infra/modules/alerts.bicep)."""

logger = logging.getLogger(__name__)

T = TypeVar("T")
Ask = Callable[[TableClient], Awaitable[T]]


class TableRows:
    """Rows in one table of an account; `scim.azure.entities` says how they lie there.

    **Tries.** Each call is tried until it is answered, for `BUDGET_SECONDS` or to the deadline of the request; then
    it is `Unavailable`. The SDK's own retries are off: they know nothing of the next paragraph, do not repeat a
    transaction after a lost connection, and sleep for as long as the service asks.

    **Lost answers.** A try may have been applied although its answer was lost, and then the next one conflicts
    with it. So, after a conflict on a later try, the commit's `Record` is read, if it has one: if it is there the
    commit was applied, which is success, else this is a true conflict. The versions returned then match nothing; the
    mark tells more. Without a `Record` all its rows are read:

    1. A row bears this commit's nonce: it was applied, which is success. Its versions are those read; a row that
       somebody changed since gets a version that matches nothing, so that a client cannot overwrite unseen.
    2. A row still has the version that the commit was to replace or delete: it was not applied, a true conflict.
    3. The commit inserts, and its row is not there or is another's: a true conflict. Wrong only if others replaced
       or deleted, within those seconds, each row that it wrote: what must be judged right has a `Record`.
    4. The commit only deletes, and all its rows are gone: success. Perhaps others deleted them, but they are gone,
       which is all that such a commit promises.
    5. Otherwise nobody can tell, and it is `Unavailable`, which says neither.

    **Late tries.** The service may apply a try up to 30 s after it got it, when its client has gone on long since.
    Where a later try of the same commit was applied, its `Record` refuses the late one. Where the commit was given up
    and other commits followed, only a condition can: a version that they changed. So changes that others may undo
    have one; `scim.directory` says which. And who is told that a commit was given up is asked to wait until its tries
    cannot arrive any longer: a client that does so may even take back what it has never seen to be done.

    **The table** must be there. Only that of an emulator is made when it is missing: where somebody deleted it, an
    empty one in its place would make a client begin anew.
    """

    def __init__(
        self,
        connections: Connections,
        table: str,
        *,
        one_partition: bool = False,
        may_be_missing: bool = False,
        owned: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep how to connect; nothing is sent. Raises ValueError when the table cannot have this name.

        With `one_partition` the first row of a partition is refused where the table holds another one. Where the
        table `may_be_missing`, it reads as an empty one until somebody makes it. Connections that are `owned` are
        closed with the rows.
        """
        if not _TABLE_NAME.fullmatch(table):
            raise ValueError(f"a table's name is 3 to 63 letters and digits, the first a letter, not {table!r:.80}")
        self._connections, self._table = connections, table
        self._one_partition, self._may_be_missing = one_partition, may_be_missing
        self._owned, self._sleep, self._clock = owned, sleep, clock
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, TableClient] = WeakKeyDictionary()
        self._known: set[str] = set()
        """Partitions that are known to have rows."""

    @classmethod
    def from_connection_string(
        cls, text: str, table: str, *, make_transport: Callable[[], Transport] = new_transport, **options: Any
    ) -> "TableRows":
        """Return rows over connections of their own; see `Connections.from_connection_string`."""
        connections = Connections.from_connection_string(text, make_transport=make_transport)
        return cls(connections, table, owned=True, **options)

    @classmethod
    def from_endpoint(
        cls,
        url: str,
        table: str,
        make_credential: Callable[[], AsyncTokenCredential],
        *,
        make_transport: Callable[[], Transport] = new_transport,
        **options: Any,
    ) -> "TableRows":
        """Return rows over connections of their own; see `Connections.from_endpoint`."""
        connections = Connections.from_endpoint(url, make_credential, make_transport=make_transport)
        return cls(connections, table, owned=True, **options)

    async def read(self, partition: str, key: str) -> Row | None:
        # Keys come from URLs too; one that cannot be written is not there, and must not reach a URL of the service.
        if not is_key(key):
            return None
        entity = await self._entity(partition, key, self._patience())
        if entity is None:
            return None
        self._known.add(partition)
        return entities.row(entity)

    async def range(self, partition: str, after: str, before: str, limit: int, keys_only: bool = False) -> list[Row]:
        ask = partial(
            _page,
            where=BETWEEN,
            bounds={"partition": partition, "after": after, "before": before},
            select=entities.KEYS_ONLY if keys_only else None,
        )
        rows: list[Row] = []
        token: Any = None
        while len(rows) < limit:
            size = min(PAGE, limit - len(rows))
            try:
                found, token = await self._answer(partial(ask, size=size, token=token), self._patience())
            except ResourceNotFoundError:  # only of a table that may be missing
                break
            rows += map(entities.row, found)
            if not token:
                break
        if rows:
            self._known.add(partition)
        return rows

    async def commit(self, partition: str, changes: Sequence[RowChange], mark: str = "") -> list[str]:
        check_key(partition)
        check_limits(changes)
        await self._check_partition(partition)
        nonce = mark or new_mark()
        operations = [entities.operation(partition, change, nonce) for change in changes]
        patience = self._patience()
        lost = late = False

        async def send(client: TableClient) -> list[str]:
            nonlocal lost, late
            try:
                return await _submitted(client, operations, changes)
            except BaseException as error:
                lost, late = lost or may_be_applied(error), late or may_arrive_late(error)
                raise

        try:
            return await self._answer(send, patience)
        except Unavailable as error:
            if late:
                raise Unavailable(error.detail, max(error.retry_after, LATE_SECONDS)) from error
            raise
        except HttpResponseError as error:
            if is_too_large(error):
                raise PayloadTooLarge(
                    f"Table Storage finds the change too large ({code(error) or 413}). Send fewer or shorter values."
                ) from error
            if code(error) == "TableNotFound":
                raise self._missing() from error
            if error.status_code not in _CONFLICT:
                raise
            if not lost:
                raise RowConflict(words(error)) from error
            return await self._settled(partition, changes, nonce, patience, error)

    async def check(self) -> None:
        await self._entity("check", "check", self._patience())

    async def make_table(self) -> None:
        """Make the table, for a new tenant; one that is there is left as it is. Raises Unavailable."""
        await self._answer(self._made, self._patience())

    async def drop_table(self) -> None:
        """Drop the table with all its rows; one that is gone is no error. Raises Unavailable."""
        await self._answer(lambda client: client.delete_table(), self._patience())  # the SDK takes 404 for done
        self._known.clear()

    async def close(self) -> None:
        if self._owned:
            self._clients.pop(asyncio.get_running_loop(), None)
            await self._connections.close()

    async def _entity(self, partition: str, key: str, patience: Patience) -> TableEntity | None:
        try:
            return await self._answer(lambda client: client.get_entity(partition, key), patience)
        except ResourceNotFoundError:
            return None

    async def _check_partition(self, partition: str) -> None:
        """Refuse the first row of a partition where the table holds another one: a directory under another name.

        Most often a row of the partition was read before, and nothing is asked. Raises Unavailable.
        """
        if not self._one_partition or partition in self._known:
            return
        ask = partial(_page, select=["PartitionKey"], size=1, token=None)
        for where in ("PartitionKey eq @partition", "PartitionKey ne @partition"):
            found, _ = await self._answer(partial(ask, where=where, bounds={"partition": partition}), self._patience())
            if found and where.endswith("ne @partition"):
                raise Unavailable(
                    f"The table '{self._table}' holds the directory '{found[0]['PartitionKey']}', and SCIM_TENANT names"
                    f" '{partition}', which has no rows. Set SCIM_TENANT to the name of the directory that is there.",
                    retry_after=60,
                )
            if found:
                break
        self._known.add(partition)

    async def _settled(
        self,
        partition: str,
        changes: Sequence[RowChange],
        nonce: str,
        patience: Patience,
        error: HttpResponseError,
    ) -> list[str]:
        """Return the versions if an earlier try was applied; raise what it was otherwise (see the class)."""

        async def found(change: RowChange) -> TableEntity | None:
            return await self._entity(partition, change.key, patience)

        if record := next((change for change in changes if isinstance(change, Record)), None):
            if not entities.bears(await found(record), record, nonce):
                raise RowConflict(words(error)) from error
            # What a client is told of versions is the mark, which was known before: no need to read them.
            return ["" if isinstance(change, Delete) else entities.no_version(nonce) for change in changes]
        pairs = list(zip(changes, await each(changes, found, READ_BACK_AT_ONCE), strict=True))
        if any(entities.bears(entity, change, nonce) for change, entity in pairs):
            return [entities.version(entity, change, nonce) for change, entity in pairs]
        if any(entities.stands(entity, change) or isinstance(change, Insert) for change, entity in pairs):
            raise RowConflict(words(error)) from error
        if any(not isinstance(change, Delete) for change in changes):
            raise Unavailable("The answer of the storage was lost; repeat the request.", retry_after=1) from error
        return ["" for _ in changes]

    def _patience(self) -> Patience:
        advice = START if self._connections.is_emulator else LATER
        return Patience(self._clock, self._sleep, self._connections.throttling, advice)

    async def _answer(self, ask: Ask[T], patience: Patience) -> T:
        """Return what the service answers, asked again while that may help and the patience lasts.

        Raises Unavailable, or the SDK's HttpResponseError when the service has refused the request as it is.
        """
        while True:
            gate = self._connections.gate
            await patience.enter(gate)
            try:
                async with patience.one_try():
                    return await self._asked(ask)
            except (AzureError, TimeoutError) as error:
                failure = error
            finally:
                gate.release()
            await patience.pause(failure)

    async def _asked(self, ask: Ask[T]) -> T:
        """Ask once, and once more if the emulator's table had to be made first."""
        client = self._client()
        try:
            return await ask(client)
        except HttpResponseError as error:
            if code(error) != "TableNotFound" or self._may_be_missing:
                raise
            if not self._connections.is_emulator:
                raise self._missing() from error
        await self._made(client)
        return await ask(client)

    def _missing(self) -> Unavailable:
        logger.error(MISSING, self._table)
        return Unavailable(
            f"The table '{self._table}' does not exist. If nobody was to delete it, stop provisioning first; then"
            " deploy again, which makes it, and import the last backup.",
            retry_after=60,
        )

    def _client(self) -> TableClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = self._connections.client(self._table)
        return self._clients[loop]

    async def _made(self, client: TableClient) -> None:
        try:
            await client.create_table()
        except HttpResponseError as error:
            if is_transient(error):
                raise
            if error.status_code == 409:  # another instance was faster
                return
            raise Unavailable(
                f"The table '{self._table}' does not exist and cannot be made ({words(error)}). Make it, or give"
                f" the app's identity {ROLE}."
            ) from error


async def _submitted(
    client: TableClient, operations: Sequence[entities.Operation], changes: Sequence[RowChange]
) -> list[str]:
    """Send a transaction once, and return the versions that its answer tells.

    Raises LostAnswer when an answer came that is not one to these changes: as the SDK reads answers, a part that is
    missing or without ETag, or another media type than expected, says nothing of whether they were applied.
    """
    answered = False

    def give_up_early(request: PipelineRequest[Any]) -> None:
        request.http_request.url += f"?timeout={SERVICE_SECONDS}"

    def note(_: PipelineResponse[Any, Any]) -> None:
        nonlocal answered
        answered = True

    try:
        parts = await client.submit_transaction(operations, raw_request_hook=give_up_early, raw_response_hook=note)
        pairs = zip(changes, parts, strict=True)
        return ["" if isinstance(change, Delete) else str(part["etag"]) for change, part in pairs]
    except _MISREAD as error:
        if not answered:  # a bug: nothing was sent
            raise
        raise LostAnswer(f"the answer to a transaction cannot be read: {type(error).__name__}") from error


async def _page(
    client: TableClient, where: str, bounds: dict[str, str], select: list[str] | None, size: int, token: Any
) -> tuple[list[TableEntity], Any]:
    """Return one page, possibly an empty one, and the token for the next, or None after the last."""
    pages = client.query_entities(where, parameters=bounds, select=select, results_per_page=size).by_page(token)
    page = await anext(pages)
    return [entity async for entity in page], pages.continuation_token  # type: ignore[attr-defined]
