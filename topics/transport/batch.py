"""What an agent sees: a record batch, and the unit of work in which it takes effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from topics.faults import Point, reach
from topics.transport.message import Completion
from topics.transport.outbox import Outbox, RecordEncoder

if TYPE_CHECKING:
    from topics.transport.assignment import Partition

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RecordBatch:
    """The valid records of one partition from one poll, in offset order; without records it is the passage of time.

    `columns`: one column a field of the record type, n rows. `event_time`, `arrival` and `watermarks` (the watermark
    at each record, that record included): int64[n], ms since the epoch. `watermark` is the partition's after the batch.
    """

    topic: str
    partition: Partition
    columns: pa.RecordBatch
    event_time: Int64s
    arrival: Int64s
    watermarks: Int64s
    watermark: int
    encoder: RecordEncoder
    span_outbox: Outbox
    completion: Completion = field(repr=False)

    def __len__(self) -> int:
        return len(self.event_time)

    def unit(self) -> Unit:
        """The one unit of work in which this batch takes effect. Raises NotCompleted when asked for another."""
        reach(Point.PROCESS)
        self.completion.enter()
        return Unit(self)


class Unit:
    """A context in which an agent handles its batch.

    What it sends and counts leaves with the span's commit, and only if the body returns; if it raises, is cancelled, or
    is never entered, the batch counts as not completed and nothing of the span takes effect. An exception ends here:
    the stream takes note of it, and the agent goes on with the next batch.
    """

    def __init__(self, batch: RecordBatch) -> None:
        self._batch = batch
        self._outbox = Outbox()

    def send(self, topic: str, record: Mapping[str, Any]) -> None:
        """Send a record with the span.

        Raises SchemaError where it does not fit the topic's schema, OutputTooLarge where it is too large for it.
        """
        self._outbox.add(topic, self._batch.encoder.outgoing(topic, record))

    def send_all(self, topic: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Send records with the span, in their order: the same as one by one, for outputs by the thousand.

        Raises as `send` does.
        """
        for outgoing in self._batch.encoder.outgoing_all(topic, records):
            self._outbox.add(topic, outgoing)

    def send_columns(self, topic: str, columns: pa.RecordBatch) -> None:
        """Send a record for each row, in their order, with the span; the columns are those of the topic's record type.

        The same as sending them one by one, for outputs by the thousand. Raises as `send` does; a column of a nullable
        field must be there too.
        """
        for outgoing in self._batch.encoder.outgoing_columns(topic, columns):
            self._outbox.add(topic, outgoing)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a metric once the span is committed, and only then. Labels must be of few values."""
        self._outbox.count(name, amount, labels)

    def __enter__(self) -> Unit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        try:
            if error is None:
                reach(Point.PROCESSED)
        except Exception as injected:
            error = injected
        if error is None:
            self._outbox.move_to(self._batch.span_outbox)
            self._batch.completion.complete()
            return False
        self._batch.completion.fail(error)
        return isinstance(error, Exception)
