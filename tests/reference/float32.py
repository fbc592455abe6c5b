"""Rounding to float32, the type of every feature and of every stored amount."""

from __future__ import annotations

from struct import Struct

_FLOAT32 = Struct("<f")


def float32(x: float) -> float:
    """The float32 nearest to `x`, as a Python float."""
    (rounded,) = _FLOAT32.unpack(_FLOAT32.pack(x))
    return float(rounded)
