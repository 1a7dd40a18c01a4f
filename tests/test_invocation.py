"""Log records that no invocation carries: kept for the next one, bounded, and told once."""

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from scim.invocation import KEPT, MAX_LENGTH, Invocations, LateRecord

logger = logging.getLogger("scim.made_up")


@pytest.fixture
def invocations(caplog: pytest.LogCaptureFixture) -> Iterator[Invocations]:
    """A process of its own, as it were."""
    caplog.set_level(logging.INFO)
    made = Invocations()
    logging.getLogger().addHandler(made)
    yield made
    logging.getLogger().removeHandler(made)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged for the second time, without when it was first."""
    return [each.getMessage().partition(" (")[0] for each in caplog.records if isinstance(each, LateRecord)]


async def test_what_a_running_invocation_logs_is_logged_once(
    invocations: Invocations, caplog: pytest.LogCaptureFixture
) -> None:
    """Also from tasks that it starts and waits for."""

    async def part() -> None:
        logger.info("part")

    with invocations.running():
        logger.info("itself")
        await asyncio.gather(part(), asyncio.create_task(part()))
    with invocations.running():
        pass
    assert [each.getMessage() for each in caplog.records] == ["itself", "part", "part"]


async def test_a_task_that_outlives_its_request_is_heard_in_the_next(
    invocations: Invocations, caplog: pytest.LogCaptureFixture
) -> None:
    """It inherited an invocation that executes no longer."""
    answered, done = asyncio.Event(), asyncio.Event()

    async def background() -> None:
        await answered.wait()
        logger.warning("too late")
        done.set()

    with invocations.running():
        task = asyncio.create_task(background())
    answered.set()
    await done.wait()
    assert told(caplog) == []
    with invocations.running():
        assert told(caplog) == ["too late"]
    with invocations.running():
        assert told(caplog) == ["too late"]
    await task
    [late] = [each for each in caplog.records if isinstance(each, LateRecord)]
    assert (late.name, late.levelno) == ("scim.made_up", logging.WARNING)
    assert late.getMessage().startswith("too late (logged outside an invocation, at 20")


async def test_threads_and_callbacks_are_heard_at_the_end_of_the_request(
    invocations: Invocations, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker knows no invocation in a thread, and in a callback perhaps that of another request."""
    called = asyncio.Event()

    def callback() -> None:
        logger.info("callback")
        called.set()

    with invocations.running():
        thread = threading.Thread(target=logger.info, args=("thread",))
        thread.start()
        thread.join()
        await asyncio.to_thread(logger.info, "to_thread")
        asyncio.get_running_loop().call_soon(callback)
        await called.wait()
        assert told(caplog) == []
    assert told(caplog) == ["thread", "to_thread", "callback"]


async def test_what_is_kept_is_bounded_and_the_severe_goes_first(
    invocations: Invocations, caplog: pytest.LogCaptureFixture
) -> None:
    """A background that logs without end takes no memory and drowns no warning; how much was dropped is said."""
    for number in range(KEPT):
        logger.info("chatter %d", number)
    logger.warning("a warning")
    logger.info("chatter that comes too late")
    logger.error("x" * MAX_LENGTH * 2)
    with invocations.running():
        pass
    texts = told(caplog)
    assert texts[:2] == ["chatter 2", "chatter 3"]
    assert texts[-2:] == ["a warning", "x" * MAX_LENGTH]
    assert len(texts) == KEPT
    assert caplog.messages[-1] == "3 more records were logged outside invocations, and dropped"


async def test_a_traceback_is_kept_as_text(invocations: Invocations, caplog: pytest.LogCaptureFixture) -> None:
    """The exception itself would keep every object of its frames alive."""
    try:
        raise LookupError("it broke")
    except LookupError:
        logger.exception("failed")
    with invocations.running():
        pass
    [late] = [each for each in caplog.records if isinstance(each, LateRecord)]
    assert (late.exc_info, late.args) == (None, None)
    assert late.exc_text is not None
    assert late.exc_text.endswith("LookupError: it broke")


async def test_an_invocation_that_fails_tells_too(invocations: Invocations, caplog: pytest.LogCaptureFixture) -> None:
    """What went wrong in the background may be why."""
    with pytest.raises(LookupError), invocations.running():
        await asyncio.to_thread(logger.warning, "thread")
        raise LookupError
    assert told(caplog) == ["thread"]


def test_the_worker_s_own_records_are_left_alone(invocations: Invocations, caplog: pytest.LogCaptureFixture) -> None:
    """It logs before and after each call; the host takes those of these names at any time."""
    logging.getLogger("azure.functions").warning("from the worker")
    logging.getLogger("azure_functions_worker").warning("from the worker")
    with invocations.running():
        pass
    assert told(caplog) == []
