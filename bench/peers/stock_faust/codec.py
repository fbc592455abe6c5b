"""Visits as bytes for Faust's changelog: pickle, told how to take the visit's dataclasses apart."""

from __future__ import annotations

import dataclasses
import io
import pickle
from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import Any

from faust.serializers.codecs import Codec

from bench.peers.stock_faust import deciding
from tests.reference import browsing, cart, clicks, duplicates, products, tally, timers, visit, windows

MODULES = (browsing, cart, clicks, duplicates, products, tally, timers, visit, windows, deciding)


def _dataclasses(module: ModuleType) -> list[type]:
    found = [item for item in vars(module).values() if isinstance(item, type) and dataclasses.is_dataclass(item)]
    return [item for item in found if item.__module__ == module.__name__]


CLASSES = [cls for module in MODULES for cls in _dataclasses(module)]
FIELDS = [tuple(f.name for f in dataclasses.fields(cls)) for cls in CLASSES]


def build(number: int, *values: Any) -> Any:
    """The object of the class with this number; what pickle calls to read one."""
    made: Any = object.__new__(CLASSES[number])
    for name, value in zip(FIELDS[number], values, strict=True):
        object.__setattr__(made, name, value)
    return made


def _reducer(number: int) -> Callable[[Any], Any]:
    names = FIELDS[number]
    if len(names) == 1:
        return lambda item: (build, (number, getattr(item, names[0])))
    values = attrgetter(*names)
    return lambda item: (build, (number, *values(item)))


REDUCERS = {cls: _reducer(number) for number, cls in enumerate(CLASSES)}


class VisitCodec(Codec):
    """A Faust codec."""

    def _dumps(self, value: Any) -> bytes:
        out = io.BytesIO()
        pickler = pickle.Pickler(out, protocol=5)
        pickler.dispatch_table = REDUCERS
        pickler.dump(value)
        return out.getvalue()

    def _loads(self, data: bytes) -> Any:
        return pickle.loads(data)
