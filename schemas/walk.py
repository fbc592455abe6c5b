"""The walker: measures encoded Avro records in place, without decoding them.

The batch decoder accepts trailing bytes and fails a whole batch for one bad record, so every record is walked first.
Work and memory are bounded by the bytes at hand: every element of an array or map takes at least one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from schemas.bad import Reason
from schemas.walk_program import (
    BOOLEAN,
    ENUM,
    FIXED,
    INT,
    JUMP,
    NEXT,
    NULLABLE,
    OPEN,
    STRING,
    UNION,
    Program,
)


class Fault(IntEnum):
    """What the walker found, by code; `WHOLE` is no fault."""

    WHOLE = 0
    TRUNCATED = 1
    TRAILING_BYTES = 2
    ENUM_OUT_OF_RANGE = 3
    BAD_UNION_BRANCH = 4
    NEGATIVE_LENGTH = 5
    LONG_VARINT = 6
    BAD_BOOLEAN = 7
    BAD_UTF8 = 8
    BAD_BLOCK_SIZE = 9


_WHOLE = int(Fault.WHOLE)
_TRUNCATED = int(Fault.TRUNCATED)
_TRAILING_BYTES = int(Fault.TRAILING_BYTES)
_ENUM_OUT_OF_RANGE = int(Fault.ENUM_OUT_OF_RANGE)
_BAD_UNION_BRANCH = int(Fault.BAD_UNION_BRANCH)
_NEGATIVE_LENGTH = int(Fault.NEGATIVE_LENGTH)
_LONG_VARINT = int(Fault.LONG_VARINT)
_BAD_BOOLEAN = int(Fault.BAD_BOOLEAN)
_BAD_UTF8 = int(Fault.BAD_UTF8)
_BAD_BLOCK_SIZE = int(Fault.BAD_BLOCK_SIZE)

_MESSAGES = {
    Fault.TRUNCATED: "found the record to end within {place}; expected a whole {kind}",
    Fault.TRAILING_BYTES: "found bytes after the record; expected it to end after its last field",
    Fault.ENUM_OUT_OF_RANGE: "found an enum index out of range in {place}; expected one of an {kind}",
    Fault.BAD_UNION_BRANCH: "found a branch out of range in {place}; expected one of a {kind}",
    Fault.NEGATIVE_LENGTH: "found a negative length in {place}; expected the length of a {kind}",
    Fault.LONG_VARINT: "found a number too large in {place}; expected a variable-length {kind} within its range",
    Fault.BAD_BOOLEAN: "found a byte other than 0 and 1 in {place}; expected a {kind}",
    Fault.BAD_UTF8: "found invalid UTF-8 in {place}; expected a {kind}",
    Fault.BAD_BLOCK_SIZE: "found a block in {place} whose size in bytes is wrong; expected the size of its items",
}
_REASONS = {
    Fault.TRUNCATED: Reason.TRUNCATED,
    Fault.TRAILING_BYTES: Reason.TRAILING_BYTES,
    Fault.ENUM_OUT_OF_RANGE: Reason.ENUM_OUT_OF_RANGE,
}


class Walked(NamedTuple):
    """For each record: `lengths` int64[n], the bytes read up to its end or its fault; `faults` uint8[n], a `Fault`;
    `where` int32[n], the instruction it stopped at."""

    lengths: npt.NDArray[np.int64]
    faults: npt.NDArray[np.uint8]
    where: npt.NDArray[np.int32]

    def describe(self, program: Program, record: int) -> tuple[Reason, str]:
        """The reason and the sentence for a record with a fault."""
        fault = Fault(int(self.faults[record]))
        at = int(self.where[record])
        message = _MESSAGES[fault].format(place=f"field {program.places[at]}", kind=program.kinds[at])
        return _REASONS.get(fault, Reason.MALFORMED), f"{message} (byte {int(self.lengths[record])} of the record)"


def walk(
    program: Program,
    buffer: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> Walked:
    """Walk the records at `buffer[starts[i]:ends[i]]` (uint8[bytes], int64[n], int64[n]); raises nothing."""
    count = len(starts)
    walked = Walked(np.empty(count, np.int64), np.empty(count, np.uint8), np.empty(count, np.int32))
    _walk(program.code, program.levels, buffer, starts, ends, walked.lengths, walked.faults, walked.where)
    return walked


@njit(cache=True, nogil=True)
def _varint(buffer, at, end):  # type: ignore[no-untyped-def]
    """A zigzag varint of at most 64 bits -> (value, position after it, fault)."""
    raw = np.uint64(0)
    shift = np.uint64(0)
    while at < end:
        byte = np.uint64(buffer[at])
        at += 1
        raw |= (byte & np.uint64(0x7F)) << shift
        if byte < np.uint64(0x80):
            fault = _LONG_VARINT if shift == np.uint64(63) and byte > np.uint64(1) else _WHOLE
            return np.int64(raw >> np.uint64(1)) ^ -np.int64(raw & np.uint64(1)), at, fault
        shift += np.uint64(7)
        if shift > np.uint64(63):
            return np.int64(0), at, _LONG_VARINT
    return np.int64(0), at, _TRUNCATED


@njit(cache=True, nogil=True)
def _is_utf8(buffer, at, end):  # type: ignore[no-untyped-def]
    """Whether `buffer[at:end]` is UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629)."""
    while at < end:
        first = buffer[at]
        at += 1
        if first < 0x80:
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= first <= 0xDF:
            more = 1
        elif 0xE0 <= first <= 0xEF:
            more = 2
            if first == 0xE0:
                low = 0xA0
            elif first == 0xED:
                high = 0x9F
        elif 0xF0 <= first <= 0xF4:
            more = 3
            if first == 0xF0:
                low = 0x90
            elif first == 0xF4:
                high = 0x8F
        else:
            return False
        if end - at < more or not low <= buffer[at] <= high:
            return False
        for k in range(at + 1, at + more):
            if not 0x80 <= buffer[k] <= 0xBF:
                return False
        at += more
    return True


@njit(cache=True, nogil=True)
def _block_size(buffer, at, end):  # type: ignore[no-untyped-def]
    """The size in bytes that a negative count announces -> (end of the block, position after the size, fault)."""
    size, at, fault = _varint(buffer, at, end)
    if fault == _WHOLE and size < 0:
        fault = _NEGATIVE_LENGTH
    elif fault == _WHOLE and size > end - at:
        fault = _TRUNCATED
    return at + size, at, fault


@njit(cache=True, nogil=True)
def _walk_one(code, left, block_ends, buffer, at, end):  # type: ignore[no-untyped-def]
    """One record -> (instruction it stopped at, position, fault). `left` and `block_ends` are scratch, int64[levels].

    One function, since Numba counts references at every call: split up, it takes three times as long.
    """
    step = 0
    while True:
        operation = code[step, 0]
        if operation < NEXT:
            if operation == BOOLEAN:
                if at >= end:
                    return step, at, _TRUNCATED
                if buffer[at] > 1:
                    return step, at, _BAD_BOOLEAN
                at += 1
            elif operation == FIXED:
                if code[step, 1] > end - at:
                    return step, at, _TRUNCATED
                at += code[step, 1]
            elif operation == JUMP:
                step = code[step, 1]
                continue
            elif operation == OPEN:
                left[code[step, 3]] = 0
                block_ends[code[step, 3]] = -1
            else:
                return step, at, _WHOLE if at == end else _TRAILING_BYTES
            step += 1
            continue
        if operation == NEXT:
            level = code[step, 3]
            if left[level] > 0:
                left[level] -= 1
                step += 1
                continue
            if block_ends[level] >= 0 and block_ends[level] != at:
                return step, at, _BAD_BLOCK_SIZE

        # Every operation from here on begins with a varint, and nearly every varint is one byte.
        if at < end and buffer[at] < 0x80:
            value = np.int64(buffer[at] >> 1) ^ -np.int64(buffer[at] & 1)
            at += 1
        else:
            value, at, fault = _varint(buffer, at, end)
            if fault != _WHOLE:
                return step, at, fault

        if operation == NULLABLE:
            if value < 0 or value > 1:
                return step, at, _BAD_UNION_BRANCH
            if value == code[step, 1]:
                step = code[step, 2]
                continue
        elif operation == STRING:
            if value < 0:
                return step, at, _NEGATIVE_LENGTH
            if value > end - at:
                return step, at, _TRUNCATED
            high = np.uint8(0)
            for k in range(at, at + value):
                high |= buffer[k]
            if high >= 0x80 and not _is_utf8(buffer, at, at + value):
                return step, at, _BAD_UTF8
            at += value
        elif operation == INT:
            if not -0x80000000 <= value <= 0x7FFFFFFF:
                return step, at, _LONG_VARINT
        elif operation == ENUM:
            if not 0 <= value < code[step, 1]:
                return step, at, _ENUM_OUT_OF_RANGE
        elif operation == NEXT:
            block_ends[level] = -1
            if value < 0:
                value = -value
                block_ends[level], at, fault = _block_size(buffer, at, end)
                if fault != _WHOLE:
                    return step, at, fault
            # The lowest int64 is its own negation, and so still negative here.
            if value < 0 or value > (end - at) // code[step, 2]:
                return step, at, _TRUNCATED
            if value == 0:
                step = code[step, 1]
                continue
            left[level] = value - 1
        elif operation == UNION:
            if not 0 <= value < code[step, 1]:
                return step, at, _BAD_UNION_BRANCH
            step = code[step, 2] + value
            continue
        step += 1


@njit(cache=True, nogil=True)
def _walk(code, levels, buffer, starts, ends, lengths, faults, where):  # type: ignore[no-untyped-def]
    left = np.zeros(levels, np.int64)
    block_ends = np.zeros(levels, np.int64)
    for i in range(len(starts)):
        at, stopped, fault = _walk_one(code, left, block_ends, buffer, starts[i], ends[i])
        lengths[i] = stopped - starts[i]
        faults[i] = fault
        where[i] = at
