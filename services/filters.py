"""Conditions on records as people type them: `tier=ACTIVE`, `clarity>=0.6`, `consent.analytics=true`."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.bad import quoted
from topics.errors import ConfigurationError

_WRITTEN = re.compile(r"(?P<path>[^=<>!]+?)\s*(?P<operator>==|!=|>=|<=|=|>|<)\s*(?P<value>.*)", re.DOTALL)
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_MISSING = object()


@dataclass(frozen=True)
class Condition:
    """A field, by its path with dots, held against a value.

    `=` and `==` compare text with the value as it was typed, all else with the value as JSON; `!=` is their opposite.
    `<`, `<=`, `>` and `>=` hold between numbers alone. A record without the field meets no condition.
    """

    path: tuple[str, ...]
    operator: str
    text: str

    def __call__(self, record: Mapping[str, Any]) -> bool:
        """Whether the record meets it."""
        found = _at(record, self.path)
        if found is _MISSING:
            return False
        if self.operator in _ORDERS:
            value = _json(self.text)
            return _is_number(found) and _is_number(value) and _ORDERS[self.operator](found, value)
        same = found == self.text if isinstance(found, str) else _same(found, _json(self.text))
        return not same if self.operator == "!=" else same


def condition(written: str) -> Condition:
    """The condition that was typed. Raises ConfigurationError where it is none."""
    parts = _WRITTEN.fullmatch(written.strip())
    if parts is None:
        raise ConfigurationError(
            f"found the condition {quoted(written)}; expected FIELD=VALUE, or one of != > >= < <= in place of =, for "
            "example tier=ACTIVE or clarity>=0.6"
        )
    if parts["operator"] in _ORDERS and not _is_number(_json(parts["value"])):
        raise ConfigurationError(
            f"found the condition {quoted(written)}; expected a number behind {parts['operator']}: only numbers have "
            "an order here"
        )
    return Condition(tuple(parts["path"].split(".")), parts["operator"], parts["value"])


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return _MISSING
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _MISSING


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(found: object, value: object) -> bool:
    return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)
