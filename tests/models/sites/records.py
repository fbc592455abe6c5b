"""Site deltas for tests, as live makes them of closed visits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from models.sites.deltas import TOTALS
from models.sites.histograms import dwell_histogram, scroll_histogram
from schemas.codec import Decoder, Encoder, SchemaStore
from schemas.record_type import record_type

ENCODER = Encoder(record_type("site-delta"))
DECODER = Decoder(record_type("site-delta"), SchemaStore())


def delta(site: str, dwells_s: list[float], depths: list[float] | None = None, **counts: int) -> dict[str, Any]:
    """The delta of a site for closed visits with these dwells and scroll depths (.5 each where not given)."""
    depths = [0.5] * len(dwells_s) if depths is None else depths
    return {
        "site_id": site,
        "source_topic": "session-event",
        "source_partition": 0,
        "watermark": 0,
        **dict.fromkeys(TOTALS, 0),
        "visits": len(dwells_s),
        "dwell_histogram": dwell_histogram(np.array(dwells_s)).tolist() if dwells_s else [],
        "scroll_histogram": scroll_histogram(np.array(depths)).tolist() if dwells_s else [],
        **counts,
    }


def batch(deltas: list[dict[str, Any]]) -> pa.RecordBatch:
    """The deltas as an agent gets them, their way through a topic included."""
    return DECODER.decode([ENCODER.encode(one) for one in deltas]).batch
