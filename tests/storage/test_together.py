"""Calls side by side: in order, bounded, and over at the first failure."""

import asyncio

import pytest

from scim.storage.together import both, each, together


class Store:
    """Answers what it is asked after everybody else had a turn; from the fifth question on it fails."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.under_way = self.most = 0

    async def answer(self, number: int) -> int:
        self.asked.append(number)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0)
            if number >= 5:
                raise OSError(f"the store fails at {number}")
            return number * 10
        finally:
            self.under_way -= 1


async def test_results_come_in_the_order_of_the_calls() -> None:
    """Whichever ends first."""

    async def late(value: int) -> int:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return value

    assert await together(late(1), asyncio.sleep(0, 2)) == [1, 2]
    assert await both(late(1), asyncio.sleep(0, "two")) == (1, "two")


async def test_a_bounded_number_is_under_way() -> None:
    """Each item is asked for once, and the results are in the order of the items."""
    store = Store()
    assert await each([4, 2, 0, 3, 1], store.answer, 2) == [40, 20, 0, 30, 10]
    assert (sorted(store.asked), store.most) == ([0, 1, 2, 3, 4], 2)
    assert await each([], store.answer, 2) == []


async def test_the_first_failure_ends_the_others() -> None:
    """Nobody goes on asking after the error was told, neither at once nor later; the error is the call's own."""
    store = Store()
    with pytest.raises(OSError, match="at 5"):
        await each(range(5_000), store.answer, 3)
    asked = len(store.asked)
    assert asked <= 8
    for _ in range(20):
        await asyncio.sleep(0)
    assert (len(store.asked), store.under_way) == (asked, 0)


async def test_who_is_cancelled_cancels_all() -> None:
    """A request whose time is over leaves nothing running."""
    store = Store()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await together(store.answer(0), asyncio.Event().wait())
    assert store.under_way == 0


async def test_both_are_over_before_an_error_is_told() -> None:
    """Whichever fails: who is told of it may begin anew, and meets nobody who still asks for the first time."""
    for first, second in ((5, 0), (0, 5), (5, 6)):
        store = Store()
        with pytest.raises(OSError, match="fails at 5"):
            await both(store.answer(first), store.answer(second))
        assert store.under_way == 0
