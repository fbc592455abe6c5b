"""Site deltas summed by site, with arrays: a batch of records in, one row of sums a site out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.sites.histograms import BINS
from schemas.record_type import record_type

TOTALS = tuple(
    field["name"]
    for field in record_type("site-delta").tree["fields"]
    if field["type"] == "long" and field["name"] != "watermark"
)
"""The counts of a site-delta, in the order of its fields."""

Counts = npt.NDArray[np.int64]


class SiteSums(NamedTuple):
    """What k sites have gained; arrays are int64."""

    site_id: list[str]
    """k distinct sites, in order of first appearance."""
    totals: Counts
    """`[k, TOTALS]`."""
    dwell_histogram: Counts
    """`[k, BINS]`, as is the next."""
    scroll_histogram: Counts


def summed(columns: pa.RecordBatch) -> SiteSums:
    """Site deltas, the columns of site-delta.avsc, summed by site."""
    sites = columns["site_id"].dictionary_encode()
    row_site = sites.indices.to_numpy()
    totals = np.zeros((len(sites.dictionary), len(TOTALS)), np.int64)
    for place, name in enumerate(TOTALS):
        np.add.at(totals[:, place], row_site, columns[name].to_numpy())
    return SiteSums(
        sites.dictionary.to_pylist(),
        totals,
        _histograms(columns["dwell_histogram"], row_site, len(totals)),
        _histograms(columns["scroll_histogram"], row_site, len(totals)),
    )


def _histograms(column: pa.Array, row_site: npt.NDArray[np.int32], sites: int) -> Counts:
    """The histograms of the rows of a list column, none longer than BINS, summed by site; one cut short lacks its last
    bins."""
    lengths = pc.list_value_length(column).to_numpy()
    begins = np.cumsum(lengths) - lengths
    bins = np.arange(lengths.sum()) - np.repeat(begins, lengths)
    total = np.zeros((sites, BINS), np.int64)
    np.add.at(total, (np.repeat(row_site, lengths), bins), pc.list_flatten(column).to_numpy())
    return total
