"""Where visitors stand for the holdout: one draw each, kept by the visit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.ava.draws import Draws


def visitor_buckets(
    rows: npt.NDArray[np.void], index: npt.NDArray[np.int64], columns: pa.RecordBatch, draws: Draws
) -> npt.NDArray[np.uint16]:
    """`uint16[n]`: the place among 10,000, plus 1, of the visitor of each of n session events.

    A visit that has one keeps it; for the others, the visitor of their first event decides, the session where that
    names none. `index` is the row of each event's session, `columns` the n events.
    """
    buckets: npt.NDArray[np.uint16] = rows["bucket"][index]
    undrawn = np.flatnonzero(buckets == 0)
    if not undrawn.size:
        return buckets
    _, first, which = np.unique(index[undrawn], return_index=True, return_inverse=True)
    at = pa.array(undrawn[first])
    sites, sessions, visitors = (columns[name].take(at).to_pylist() for name in ("site_id", "session_id", "visitor_id"))
    drawn = [
        draws.bucket(site, visitor or session) + 1
        for site, session, visitor in zip(sites, sessions, visitors, strict=True)
    ]
    buckets[undrawn] = np.array(drawn, np.uint16)[which]
    return buckets
