"""The watermark of a partition: the highest min(event time, arrival) seen on it, never going back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

BEFORE_ALL = -(2**62)
"""The watermark before the first record: earlier than any time, with room to subtract from."""

WATERMARK_HEADER = "lamstream.watermark"
"""Header of a record without value that moves the watermark in a replay; its value is ms since the epoch in ASCII."""

WATERMARK_DIGITS = 13
"""Digits of the largest one accepted: up to the year 2286."""


def running_watermarks(event: Int64s, arrival: Int64s, before: int) -> Int64s:
    """The watermark at each record, that record included: int64[n], given the one before the first."""
    marks: Int64s = np.maximum.accumulate(np.minimum(event, arrival))
    return np.maximum(marks, before)


def raise_at(marks: Int64s, position: int, watermark: int) -> None:
    """Let a watermark record that stood before record `position` take effect on it and all after it, in place."""
    np.maximum(marks[position:], watermark, out=marks[position:])
