"""When a record happened and when it arrived, from the clocks its producer and collector stamped on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FURTHEST_AHEAD_MS = 23 * 3_600_000
"""Event times further ahead of arrival than this are taken for broken clocks (given)."""

OCCURRED_AT = "occurred_at"

Int64s = npt.NDArray[np.int64]


class RecordTimes(NamedTuple):
    """`event` and `arrival`: int64[n], ms since the epoch; writable, as compiled kernels like them."""

    event: Int64s
    arrival: Int64s


def record_times(columns: pa.RecordBatch, timestamps: Int64s, *, replay: bool) -> RecordTimes:
    """Event time and arrival of each record (docs/fold.md, 1).

    `columns` may have `occurred_at`, `sent_at` and `received_at` (nullable), int64 in ms; `timestamps` int64[n] are the
    broker's. Arrival is `received_at`, else the broker's timestamp, in a replay `sent_at` (without that column
    `occurred_at`). Event time is `occurred_at` corrected by the skew arrival - sent_at where that is known, and arrival
    itself where that lies more than 23 h in the future. Records without `occurred_at` have the broker's timestamp for
    both.
    """
    if not has_times(columns.schema):
        return RecordTimes(timestamps.copy(), timestamps.copy())
    occurred = _int64(columns, OCCURRED_AT)
    stamped = "sent_at" in columns.schema.names
    sent = _int64(columns, "sent_at") if stamped else occurred
    arrival = _arrival(columns, sent if replay else timestamps)
    event = occurred + (arrival - sent) if stamped else occurred
    return RecordTimes(np.where(event - arrival > FURTHEST_AHEAD_MS, arrival, event), arrival)


def has_times(schema: pa.Schema) -> bool:
    """Whether records with these columns say when they happened."""
    return OCCURRED_AT in schema.names


def _arrival(columns: pa.RecordBatch, fallback: Int64s) -> Int64s:
    if "received_at" not in columns.schema.names:
        return np.array(fallback)
    received = columns.column("received_at")
    if not received.null_count:
        return np.array(received.to_numpy())
    arrival: Int64s = np.where(np.asarray(received.is_valid()), received.fill_null(0).to_numpy(), fallback)
    return arrival


def _int64(columns: pa.RecordBatch, name: str) -> Int64s:
    values: Int64s = columns.column(name).to_numpy()
    return values
