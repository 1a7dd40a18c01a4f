"""Several calls side by side: the first that fails ends the others."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
S = TypeVar("S")


async def together(*calls: Coroutine[Any, Any, T]) -> list[T]:
    """Return what the calls return, in their order.

    When one raises, the others are cancelled and have ended before its error is raised: nobody goes on asking a
    store, which may be throttling already, for what nobody waits for.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def both(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, S]) -> tuple[T, S]:
    """Return what two calls return.

    As `together`, but that the first runs in the task of the caller, since a task costs as much as reading a row of
    SQLite: when the second raises, its error is raised when the first one has ended.
    """
    other = asyncio.create_task(second)
    try:
        one = await first
    except BaseException:
        other.cancel()
        await asyncio.wait([other])
        raise
    return one, await other


async def each(items: Sequence[S], call: Callable[[S], Awaitable[T]], at_once: int) -> list[T]:
    """Return what `call` returns for each item, in their order, with at most `at_once` calls under way."""
    results: dict[int, T] = {}
    left = iter(enumerate(items))

    async def work(left: Iterator[tuple[int, S]]) -> None:
        for number, item in left:
            results[number] = await call(item)

    await together(*(work(left) for _ in range(min(at_once, len(items)))))
    return [results[number] for number in range(len(items))]
