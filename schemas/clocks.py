"""When a record happened and when it arrived, from the clocks its producer and collector stamped on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FURTHEST_AHEAD_MS = 23 * 3_600_000
"""Event times further ahead of arrival than this are taken for broken clocks (given)."""

Int64s = npt.NDArray[np.int64]


class RecordTimes(NamedTuple):
    """`event` and `arrival`: int64[n], ms since the epoch; writable, as compiled kernels like them."""

    event: Int64s
    arrival: Int64s


def record_times(columns: pa.RecordBatch, timestamps: Int64s, *, replay: bool) -> RecordTimes:
    """Event time and arrival of each record (docs/fold.md, 1).

    `columns` has `occurred_at`, `sent_at` and `received_at` (nullable), int64 in ms; `timestamps` int64[n] are the
    broker's. Arrival is `received_at`, else the broker's timestamp, in a replay `sent_at`. Event time is `occurred_at`
    corrected by the skew arrival - sent_at, and arrival itself where that lies more than 23 h in the future. Records
    without such columns, which agents send each other, happened and arrived at the broker's timestamp.
    """
    if "occurred_at" not in columns.schema.names:
        return RecordTimes(timestamps, timestamps)
    occurred = _int64(columns, "occurred_at")
    sent = _int64(columns, "sent_at")
    received = columns.column("received_at")
    if received.null_count:
        fallback = sent if replay else timestamps
        known = np.asarray(received.is_valid())
        arrival = np.where(known, received.fill_null(0).to_numpy(), fallback)
    else:
        arrival = np.array(received.to_numpy())
    event = occurred + (arrival - sent)
    return RecordTimes(np.where(event - arrival > FURTHEST_AHEAD_MS, arrival, event), arrival)


def _int64(columns: pa.RecordBatch, name: str) -> Int64s:
    values: Int64s = columns.column(name).to_numpy()
    return values
