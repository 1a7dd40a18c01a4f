"""The queue of hints, the real client against the emulator: plain texts, invisible at first, deleted by receipt."""

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

from scim.azure import hints as hints_module
from scim.azure.hints import HintQueue
from scim.service.hints import Hints
from tests.azurite import azurite_queues

__all__ = ["azurite_queues"]


@pytest.fixture
async def reader(azurite_queues: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[QueueClient]:
    """The queue as the host reads it; each test has one of its own."""
    name = f"q{secrets.token_hex(8)}"
    monkeypatch.setattr(hints_module, "QUEUE", name)
    async with QueueClient.from_connection_string(azurite_queues, name, **hints_module.PIPELINE) as client:
        await client.create_queue()
        yield client


@pytest.fixture
async def queue(azurite_queues: str, reader: QueueClient) -> AsyncIterator[HintQueue]:
    made = HintQueue.from_connection_string(azurite_queues)
    yield made
    await made.close()


async def test_a_message_is_the_key_as_it_is(queue: HintQueue, reader: QueueClient) -> None:
    """Without base64, and the host is told so; else it would put each message aside as unreadable."""
    await queue.send("a0123456789abcdefghi", 0)
    assert [each.content async for each in reader.receive_messages()] == ["a0123456789abcdefghi"]
    host = json.loads((Path(__file__).parents[2] / "host.json").read_text(encoding="utf-8"))
    assert host["extensions"]["queues"] == {"maxPollingInterval": "00:00:02", "messageEncoding": "none"}


async def test_nobody_sees_a_message_at_first(queue: HintQueue, reader: QueueClient) -> None:
    """So that the process which sends it has time to deliver first."""
    await queue.send("scim", 500)
    assert [each async for each in reader.receive_messages()] == []
    assert (await reader.get_queue_properties()).approximate_message_count == 1


async def test_a_message_is_deleted_before_anybody_sees_it(queue: HintQueue, reader: QueueClient) -> None:
    """The queue function never wakes for it."""
    message = await queue.send("scim", 500)
    await queue.delete(message)
    assert (await reader.get_queue_properties()).approximate_message_count == 0


async def test_a_message_that_somebody_has_read_is_theirs(queue: HintQueue, reader: QueueClient) -> None:
    """Whether he still works on it or has deleted it: no failure, and his receipt stays good."""
    message = await queue.send("scim", 0)
    (read,) = [each async for each in reader.receive_messages(visibility_timeout=3600)]
    await queue.delete(message)
    assert (await reader.get_queue_properties()).approximate_message_count == 1
    await reader.delete_message(read)
    await queue.delete(message)


async def test_a_queue_that_is_not_there_is_a_failure_and_no_more(
    queue: HintQueue, reader: QueueClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The change that was to be hinted is made all the same."""
    await reader.delete_queue()
    with pytest.raises(ResourceNotFoundError):
        await queue.send("scim", 0)
    hints = Hints(lambda: queue)
    await hints.changed("scim")
    assert hints.failures == 1
    assert "the last one by 404" in caplog.text


async def test_what_is_closed_opens_again(queue: HintQueue, reader: QueueClient) -> None:
    """And closing what was never opened is nothing."""
    await queue.close()
    await queue.send("scim", 0)
    await queue.close()
    await queue.send("scim", 0)
    assert (await reader.get_queue_properties()).approximate_message_count == 2
