"""The table of topics with more in it than the product has, for as long as a test lasts."""

from __future__ import annotations

import sys
from types import MappingProxyType

import pytest

from topics import table
from topics.table import Group, TopicSpec


def extend(monkeypatch: pytest.MonkeyPatch, *groups: Group, topics: tuple[TopicSpec, ...] = ()) -> None:
    """Let every module of ours see these groups and topics as well, with what derives from them."""
    more = MappingProxyType({**table.GROUPS, **{group.name: group for group in groups}})
    specs = table._derived((*table._WRITTEN, *topics), more.values())
    replaced = {
        "GROUPS": (table.GROUPS, more),
        "TOPICS": (table.TOPICS, MappingProxyType({spec.name: spec for spec in specs})),
    }
    for module in list(sys.modules.values()):
        for name, (old, new) in replaced.items():
            if vars(module).get(name) is old:
                monkeypatch.setattr(module, name, new)
