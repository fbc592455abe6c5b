"""A Faust message that carries one record batch, and the completion that Faust's ack is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from faust.types.tuples import TP, ConsumerMessage

from topics.errors import AgentFailed, NotCompleted


class Completion:
    """Whether an agent's body returned for one batch.

    Faust acks an event whenever its stream lets go of it: after an exception, a cancellation, a stale generation or
    closed flow control as well. So only `complete` counts, and an ack without it is a failure.
    """

    def __init__(self, subject: str, loop: asyncio.AbstractEventLoop) -> None:
        self._subject = subject
        self._entered = False
        self._outcome: asyncio.Future[None] = loop.create_future()

    @property
    def outcome(self) -> Awaitable[None]:
        """Done when the batch was completed; raises NotCompleted when it never will be."""
        return self._outcome

    def enter(self) -> None:
        """The agent begins its unit. Raises NotCompleted for a second one: the first may have been completed."""
        if self._entered:
            raise NotCompleted(f"{self._subject} has one unit of work; the agent asked for another")
        self._entered = True

    def complete(self) -> None:
        """The agent's body returned."""
        if not self._outcome.done():
            self._outcome.set_result(None)

    def fail(self, cause: BaseException) -> None:
        """The agent's body raised `cause`."""
        if not self._outcome.done():
            kind = AgentFailed if isinstance(cause, Exception) else NotCompleted
            error = kind(f"{self._subject} was not completed: the agent raised {type(cause).__name__}: {cause}")
            error.__cause__ = cause
            self._outcome.set_exception(error)

    def released(self) -> None:
        """Faust let go of the event."""
        if not self._outcome.done():
            self._outcome.set_exception(
                NotCompleted(
                    f"{self._subject} was not completed: Faust acked it, but no `with batch.unit()` ended well; the "
                    "agent skipped it, was cancelled, or the event was of a stale generation"
                )
            )


class BatchMessage(ConsumerMessage):
    """One record batch on its way through Faust's conductor, channel and stream.

    Both the Python and the Cython stream set `acked` and may do so without calling `Consumer.ack`, so the property is
    the one place that sees every ack.
    """

    __slots__ = ("_acked", "completion")

    def __init__(self, tp: TP, offset: int, value: Any, completion: Completion, generation_id: int) -> None:
        self._acked = False
        self.completion = completion
        super().__init__(
            topic=tp.topic,
            partition=tp.partition,
            offset=offset,
            timestamp=0.0,
            timestamp_type=0,
            headers=None,
            key=None,
            value=value,
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=0,
            tp=tp,
            generation_id=generation_id,
        )

    @property
    def acked(self) -> bool:
        """Whether Faust let go of the event."""
        return self._acked

    @acked.setter
    def acked(self, value: bool) -> None:
        self._acked = value
        if value:
            self.completion.released()
