"""Histograms of visits by dwell and by scroll depth that add up, and their medians.

Both have `BINS` fixed bins. Bin 0 holds exactly 0, what a visit has that reports nothing; bin k holds what lies above
the upper end of bin k - 1, up to its own. What lies above the last end counts in the last bin.

A median is interpolated inside the bin that holds the lower median, the ceil(n/2)-th smallest of n values, so it is
off by less than that bin's width: a fifth of the value for dwell above 1 s (`DWELL_RATIO` - 1), 1 s below,
`SCROLL_WIDTH` for scroll depth, nothing for 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BINS = 64
"""As many as a site-delta takes."""
DWELL_LEAST_S = 1.0
DWELL_MOST_S = 86_400.0
"""A visit lasts at most a day."""
DWELL_RATIO = (DWELL_MOST_S / DWELL_LEAST_S) ** (1 / (BINS - 2))
"""Upper end of a bin of dwell over that of the bin before it, 1.20."""
SCROLL_WIDTH = 1 / (BINS - 1)
"""Width of a bin of scroll depth."""

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

DWELL_ENDS_S: Floats = np.append(0.0, np.geomspace(DWELL_LEAST_S, DWELL_MOST_S, BINS - 1))
SCROLL_ENDS: Floats = np.linspace(0.0, 1.0, BINS)


def dwell_bins(dwell_s: npt.NDArray[np.floating]) -> Counts:
    """The bin of each dwell, s, int64[n]; values are finite and not negative."""
    return _bins(dwell_s, DWELL_ENDS_S)


def scroll_bins(scroll: npt.NDArray[np.floating]) -> Counts:
    """The bin of each scroll depth, 0-1, int64[n]; values are finite and not negative."""
    return _bins(scroll, SCROLL_ENDS)


def dwell_histogram(dwell_s: npt.NDArray[np.floating]) -> Counts:
    """Visits by dwell, s: int64[BINS]."""
    return np.bincount(dwell_bins(dwell_s), minlength=BINS)


def scroll_histogram(scroll: npt.NDArray[np.floating]) -> Counts:
    """Visits by highest scroll depth, 0-1: int64[BINS]."""
    return np.bincount(scroll_bins(scroll), minlength=BINS)


def dwell_median_s(histogram: Counts) -> float | None:
    """The median of what a histogram of dwell counted, s; None where it counted nothing."""
    return _median(histogram, DWELL_ENDS_S)


def scroll_median(histogram: Counts) -> float | None:
    """The median of what a histogram of scroll depths counted, 0-1; None where it counted nothing."""
    return _median(histogram, SCROLL_ENDS)


def _bins(values: npt.NDArray[np.floating], ends: Floats) -> Counts:
    at = np.searchsorted(ends, values.astype(np.float64), side="left")
    return np.minimum(at, BINS - 1).astype(np.int64)


def _median(histogram: Counts, ends: Floats) -> float | None:
    cumulated = np.cumsum(histogram)
    half = cumulated[-1] / 2
    if half == 0:
        return None
    at = int(np.searchsorted(cumulated, half, side="left"))
    if at == 0:
        return 0.0
    share = (half - cumulated[at - 1]) / histogram[at]
    return float(ends[at - 1] + share * (ends[at] - ends[at - 1]))
