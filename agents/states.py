"""What agents keep: the layout of each state of the table, for them and for people who look. Needs no settings."""

from __future__ import annotations

from types import MappingProxyType

from models.bandit.deltas import POSTERIOR_LAYOUT
from models.behaviour.layout import SESSION_LAYOUT
from topics.state.declared import RecordLayout, StateLayout

SITE_SUMS = RecordLayout("site", "site-sums")
CONTAINERS = RecordLayout("container", "container-state", due="due_at")

LAYOUTS: MappingProxyType[str, StateLayout] = MappingProxyType(
    {layout.name: layout for layout in (SESSION_LAYOUT, POSTERIOR_LAYOUT, SITE_SUMS, CONTAINERS)}
)
