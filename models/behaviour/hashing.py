"""64-bit hashes of the strings of an Arrow column, computed on its buffers.

Rows keep these hashes, so that they are part of the state's format: the function must never change. 0 stands for
null. Collisions are possible and not looked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from models.jit import njit

NULL = 0

_SEED = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_FOLD_BITS = np.uint64(32)
_BYTE_BITS = np.uint64(8)
_WORD_BYTES = 8
_INSTEAD_OF_NULL = np.uint64(1)
_OFFSET_DTYPES = {pa.string(): np.int32, pa.large_string(): np.int64}


def _load_word(_context: Any, data: Any, _place: Any) -> Any:
    """The 8 bytes of `data` from `place` on, little-endian, at any alignment."""

    def load(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = cgutils.gep_inbounds(builder, array.data, arguments[1])  # type: ignore[no-untyped-call]
        return builder.load(builder.bitcast(address, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, types.int64), load


_word: Any = intrinsic(_load_word)


@njit
def _mixed(state: Any, word: Any) -> Any:
    state = (state ^ word) * _MULTIPLIER
    return state ^ (state >> _FOLD_BITS)


@njit
def hash_bytes(data: Any, begin: int, end: int) -> Any:
    """`uint64`: the hash of `data[begin:end]`, a `uint8` array; never `NULL`."""
    state = _mixed(_SEED, np.uint64(end - begin))
    place = begin
    while end - place >= _WORD_BYTES:
        state = _mixed(state, _word(data, place))
        place += _WORD_BYTES
    rest = np.uint64(0)
    for at in range(end - 1, place - 1, -1):
        rest = (rest << _BYTE_BITS) | np.uint64(data[at])
    state = _mixed(_mixed(state, rest), _SEED)
    return state if state != np.uint64(NULL) else _INSTEAD_OF_NULL


@njit
def _hash_strings(data: Any, offsets: Any, valid: Any, out: Any) -> None:
    for i in range(out.size):
        if valid.size == 0 or valid[i]:
            out[i] = hash_bytes(data, offsets[i], offsets[i + 1])
        else:
            out[i] = np.uint64(NULL)


def hash_column(column: pa.Array) -> npt.NDArray[np.uint64]:
    """`uint64[n]`: the hash of each string's UTF-8 bytes, 0 where the column is null.

    `column` is a `string` or `large_string` array of n, sliced or not. Raises TypeError for any other.
    """
    out = np.zeros(len(column), np.uint64)
    if column.null_count < len(column):
        data, offsets = string_buffers(column)
        _hash_strings(data, offsets, validity(column), out)
    return out


def string_buffers(column: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.signedinteger[Any]]]:
    """`uint8[bytes]` and the `n + 1` places in it at which the strings of a column begin and end."""
    dtype = _OFFSET_DTYPES.get(column.type)
    if dtype is None:
        raise TypeError(f"expected a string or large_string column, found {column.type}")
    _, offsets, data = column.buffers()
    places = np.frombuffer(offsets, dtype)[column.offset : column.offset + len(column) + 1]
    return np.frombuffer(data if data is not None else b"", np.uint8), places


def validity(column: pa.Array) -> npt.NDArray[np.uint8]:
    """`uint8[n]`: 1 where a column holds a value; empty where it holds one everywhere."""
    bitmap = column.buffers()[0]
    if column.null_count == 0 or bitmap is None:
        return np.zeros(0, np.uint8)
    return unpacked(bitmap, column.offset, len(column))


def unpacked(bitmap: pa.Buffer, offset: int, length: int) -> npt.NDArray[np.uint8]:
    """`uint8[length]`: the bits of an Arrow bitmap from `offset` on."""
    first = offset // 8
    skipped = offset - first * 8
    packed = np.frombuffer(bitmap, np.uint8)[first:]
    return np.unpackbits(packed, count=skipped + length, bitorder="little")[skipped:]
