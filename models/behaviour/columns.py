"""A record batch of session events as the plain arrays that the kernels take."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.behaviour.hashing import hash_bytes, hash_column, string_buffers, unpacked, validity
from models.jit import njit
from schemas.vocabulary import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES

NOT_GIVEN = -1
"""A null in a column of whole numbers or of yes and no, none of which is negative."""
PAYMENT_PREFIXES = ("card", "payment")
HELP_WORDS = (
    *("help", "support", "contact", "customer service", "phone", "chat", "complaint", "problem", "broken"),
    *("refund", "return", "cancel", "where is my order", "track", "warranty", "how do i", "how to"),
)
"""A search for one of these, in any case, seeks help (ours)."""
SITE_DTYPE = "S40"

Column = npt.NDArray[Any]


class EventColumns(NamedTuple):
    """The n events of a batch, in offset order; all arrays are `[n]` but the last three."""

    time: Column
    """int64: event time t, ms since the epoch."""
    arrival: Column
    """int64: arrival a, ms since the epoch."""
    watermark: Column
    """int64: W of the partition once the record moved it, ms since the epoch."""
    type: Column
    """uint8: place in EVENT_TYPES."""
    page_type: Column
    """uint8: place in PAGE_TYPES."""
    device: Column
    """uint8: place in DEVICES."""
    source: Column
    """uint8: place in SOURCES."""
    analytics: Column
    """uint8: consent to analytics."""
    personalization: Column
    """uint8: consent to personalization."""
    site: Column
    """int32: place in `sites`."""
    event_id: Column
    """uint64 hash, as are the next seven; 0 = null."""
    tab: Column
    page: Column
    target: Column
    product: Column
    field: Column
    order: Column
    intervention: Column
    payment: Column
    """uint8: 1 where `field` names a payment field."""
    help: Column
    """uint8: 1 where `query` seeks help."""
    seq: Column
    """int64; -1 = null."""
    quantity: Column
    """int32, as are the next two; -1 = null."""
    cart_items: Column
    explored_today: Column
    price: Column
    """float64, as are the next four; NaN = null."""
    cart_value: Column
    shipping_cost: Column
    scroll_depth: Column
    dwell_s: Column
    interactive: Column
    """int8, as are the next five: 1 yes, 0 no, -1 null."""
    in_stock: Column
    filled: Column
    logged_in: Column
    returning: Column
    prior_conversion: Column
    containers_begin: Column
    """int32, as is the next: the event names the containers from this place to that."""
    containers_end: Column
    containers: Column
    """S40[containers named in the batch], UTF-8."""
    sites: Column
    """S40[sites of the batch]: site ids, UTF-8."""
    site_hashes: Column
    """uint64[sites of the batch]: their hashes."""


def event_columns(batch: pa.RecordBatch, time: Column, arrival: Column, watermark: Column) -> EventColumns:
    """The columns of one partition's records, in offset order.

    `batch` holds n session events as decoded from their schema, validated; `time`, `arrival` and `watermark` are
    `int64[n]`, ms since the epoch: event times, arrivals, and W once each record moved it. Raises KeyError for a
    missing column, ValueError for a symbol outside a vocabulary, and TypeError where a text column holds no strings.
    """
    consent = batch["consent"]
    site = batch["site_id"].dictionary_encode()
    containers = batch["containers"]
    places = containers.offsets.to_numpy().astype(np.int32)
    return EventColumns(
        time=time,
        arrival=arrival,
        watermark=watermark,
        type=_codes(batch["type"], EVENT_TYPES),
        page_type=_codes(batch["page_type"], PAGE_TYPES),
        device=_codes(batch["device"], DEVICES),
        source=_codes(batch["source"], SOURCES),
        analytics=_flags(consent.field("analytics")).view(np.uint8),
        personalization=_flags(consent.field("personalization")).view(np.uint8),
        site=_numbers(site.indices, np.int32),
        event_id=hash_column(batch["event_id"]),
        tab=hash_column(batch["tab_id"]),
        page=hash_column(batch["page_id"]),
        target=hash_column(batch["target"]),
        product=hash_column(batch["product_id"]),
        field=hash_column(batch["field"]),
        order=hash_column(batch["order_id"]),
        intervention=hash_column(batch["intervention_id"]),
        payment=_payment_fields(batch["field"]),
        help=_help_searches(batch["query"]),
        seq=_numbers(batch["seq"], np.int64),
        quantity=_numbers(batch["quantity"], np.int32),
        cart_items=_numbers(batch["cart_items"], np.int32),
        explored_today=_numbers(batch["explored_today"], np.int32),
        price=_amounts(batch["price"]),
        cart_value=_amounts(batch["cart_value"]),
        shipping_cost=_amounts(batch["shipping_cost"]),
        scroll_depth=_amounts(batch["scroll_depth"]),
        dwell_s=_amounts(batch["dwell_s"]),
        interactive=_flags(batch["interactive"]),
        in_stock=_flags(batch["in_stock"]),
        filled=_flags(batch["filled"]),
        logged_in=_flags(batch["logged_in"]),
        returning=_flags(batch["returning"]),
        prior_conversion=_flags(batch["prior_conversion"]),
        containers_begin=places[:-1] - places[0],
        containers_end=places[1:] - places[0],
        containers=_texts(containers.values[places[0] : places[-1]]),
        sites=np.array([s.encode() for s in site.dictionary.to_pylist()], SITE_DTYPE),
        site_hashes=hash_column(site.dictionary),
    )


def _values(column: pa.Array, dtype: npt.DTypeLike) -> Column:
    data = column.buffers()[1]
    if data is None:
        return np.zeros(len(column), dtype)
    return np.frombuffer(data, dtype)[column.offset : column.offset + len(column)]


def _numbers(column: pa.Array, dtype: npt.DTypeLike) -> Column:
    return _filled(_values(column, dtype), validity(column), NOT_GIVEN)


def _amounts(column: pa.Array) -> Column:
    return _filled(_values(column, np.float64), validity(column), np.nan)


def _flags(column: pa.Array) -> Column:
    bits = unpacked(column.buffers()[1], column.offset, len(column)).view(np.int8)
    return _filled(bits, validity(column), NOT_GIVEN)


def _filled(values: Column, valid: npt.NDArray[np.uint8], null: float) -> Column:
    """A writable array in any case: kernels are compiled, and dispatched, anew for Arrow's read-only memory."""
    if valid.size == 0:
        return np.array(values)
    return np.where(valid.view(np.bool_), values, values.dtype.type(null))


@njit
def _look_up(data: Any, offsets: Any, keys: Any, codes: Any, out: Any) -> int:
    """Writes the code of each string to `out`; answers with the place of the first unknown one, or -1."""
    mask = np.uint64(keys.size - 1)
    for i in range(out.size):
        key = hash_bytes(data, offsets[i], offsets[i + 1])
        slot = key & mask
        while keys[slot] != key:
            if keys[slot] == np.uint64(0):
                return i
            slot = (slot + np.uint64(1)) & mask
        out[i] = codes[slot]
    return -1


def _codes(column: pa.Array, vocabulary: tuple[str, ...]) -> Column:
    out = np.empty(len(column), np.uint8)
    if len(column) == 0:
        return out
    unknown = _look_up(*string_buffers(column), *_code_table(vocabulary), out)
    if unknown >= 0:
        raise ValueError(f"record {unknown}: expected one of {', '.join(vocabulary)}, found {column[unknown]}")
    return out


@cache
def _code_table(vocabulary: tuple[str, ...]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
    """Open addressing, at most a quarter full: hashes, and the codes beside them."""
    size = 1 << (4 * len(vocabulary) - 1).bit_length()
    keys = np.zeros(size, np.uint64)
    codes = np.zeros(size, np.uint8)
    for code, key in enumerate(hash_column(pa.array(vocabulary, pa.string())).tolist()):
        slot = key & (size - 1)
        while keys[slot]:
            slot = (slot + 1) & (size - 1)
        keys[slot], codes[slot] = key, code
    return keys, codes


@njit
def _begins_with(data: Any, begin: int, end: int, prefix: Any) -> bool:
    if end - begin < prefix.size:
        return False
    same = True
    for k in range(prefix.size):
        same &= data[begin + k] == prefix[k]
    return same


@njit
def _mark_prefix(data: Any, offsets: Any, valid: Any, prefix: Any, out: Any) -> None:
    for i in range(out.size):
        if (valid.size == 0 or valid[i]) and _begins_with(data, offsets[i], offsets[i + 1], prefix):
            out[i] = 1


def _help_searches(column: pa.Array) -> Column:
    if column.null_count == len(column):
        return np.zeros(len(column), np.uint8)
    pattern = "|".join(rf"\b{re.escape(word)}\b" for word in HELP_WORDS)
    found = pc.fill_null(pc.match_substring_regex(column, pattern, ignore_case=True), False)
    return unpacked(found.buffers()[1], found.offset, len(found))


@njit
def _copy_texts(data: Any, offsets: Any, out: Any) -> None:
    for i in range(out.shape[0]):
        begin = offsets[i]
        for k in range(min(offsets[i + 1] - begin, out.shape[1])):
            out[i, k] = data[begin + k]


def _texts(column: pa.Array) -> Column:
    """`S40[n]`: a column of short texts, none null."""
    out = np.zeros(len(column), SITE_DTYPE)
    if len(column):
        data, offsets = string_buffers(column)
        _copy_texts(data, offsets, out.view(np.uint8).reshape(out.size, out.dtype.itemsize))
    return out


def _payment_fields(column: pa.Array) -> Column:
    out = np.zeros(len(column), np.uint8)
    if column.null_count < len(column):
        data, offsets = string_buffers(column)
        valid = validity(column)
        for prefix in PAYMENT_PREFIXES:
            _mark_prefix(data, offsets, valid, np.frombuffer(prefix.encode(), np.uint8), out)
    return out
