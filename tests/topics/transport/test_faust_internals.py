"""What the driver takes for granted in Faust and mode: an upgrade that changes it must fail here, loudly."""

from __future__ import annotations

import asyncio
import inspect
from importlib.metadata import version

import pytest
from faust.tables import TableManager
from faust.tables.recovery import Recovery
from faust.transport.conductor import Conductor
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message
from mode import Service
from mode.services import ServiceTask

from topics.errors import NotCompleted
from topics.transport.driver import Consumer, Fetcher, Transport
from topics.transport.message import BatchMessage, Completion


def test_the_pinned_version_is_the_one_read() -> None:
    """Everything below was read in this version."""
    assert version("faust-streaming") == "0.15.3"


def test_every_service_task_of_the_base_consumer_is_replaced() -> None:
    """The base consumer's own tasks commit and look for livelocks; none of them may run beside the cycle."""
    theirs = {name for name, value in vars(FaustConsumer).items() if isinstance(value, ServiceTask)}
    assert theirs == {"_commit_handler", "_commit_livelock_detector"}
    assert theirs <= vars(Consumer).keys()


def test_the_fetchers_task_is_replaced() -> None:
    """The base fetcher drains messages from the consumer; here the cycle polls."""
    assert "_fetcher" in vars(Fetcher)


async def test_an_ack_by_attribute_releases_the_batch() -> None:
    """The Cython stream sets `message.acked` and calls nothing: the property must see it."""
    assert "acked" in Message.__slots__
    assert issubclass(BatchMessage, ConsumerMessage)
    completion = Completion("a batch", asyncio.get_running_loop())
    message = BatchMessage(TP("t", 0), 0, None, completion, 1)
    message.acked = True
    with pytest.raises(NotCompleted, match="Faust acked it"):
        await completion.outcome


async def test_a_completed_batch_stays_completed_when_it_is_acked() -> None:
    """The ack that follows completion changes nothing."""
    completion = Completion("a batch", asyncio.get_running_loop())
    message = BatchMessage(TP("t", 0), 0, None, completion, 1)
    completion.complete()
    message.acked = True
    await completion.outcome


def test_the_transport_names_its_own_classes() -> None:
    """Faust asks the transport for these by attribute."""
    assert Transport.Consumer is Consumer
    assert Transport.Fetcher is Fetcher


def test_the_conductor_takes_one_message() -> None:
    """The cycle hands a batch to `Conductor.on_message`, a coroutine function of one argument."""
    handler = Conductor._compile_message_handler
    assert "on_message" in inspect.getsource(handler)
    assert "await callback(message)" in inspect.getsource(handler)


def test_recovery_resumes_the_flow_last() -> None:
    """After an assignment Faust calls `resume_flow` once its streams take events; the cycle waits for that."""
    source = inspect.getsource(Recovery._resume_streams)
    assert source.index("app.flow_control.resume()") < source.index("consumer.resume_flow()")


def test_tables_start_with_what_is_done_here_and_a_pause() -> None:
    """The app does the same without the pause, which is for tables that are declared late."""
    lines = [line.strip() for line in inspect.getsource(TableManager.on_start).splitlines()]
    assert lines[2:] == [
        "await self.sleep(1.0)",
        "if not self.should_stop:",
        "await self._update_channels()",
        "await self.recovery.start()",
    ]


def test_stop_calls_on_stop_before_tasks_are_cancelled() -> None:
    """The consumer ends its cycle in `on_stop`, while its task still runs."""
    source = inspect.getsource(Service.stop)
    assert source.index("await self.on_stop()") < source.index("await self._stop_futures()")
