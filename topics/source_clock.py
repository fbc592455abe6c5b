"""Time that others tell: the least watermark of every partition of a group's source topics, heard by heartbeats.

A heartbeat is a record without key and value on the topic that the group names for them. Whoever reads a source
sends it behind all that the source gave rise to up to its watermark, so that who hears it has had all of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from topics.consuming import Record, header
from topics.state.base import Changes
from topics.watermark import BEFORE_ALL, WATERMARK_DIGITS, WATERMARK_HEADER

SOURCE_HEADER = "lamstream.source"
"""Header of a heartbeat: the source as `<topic>/<partition>`, the topic by its name in the table."""

SOURCE_KEY_PREFIX = "\x00watermark/"
"""Changelog key of a source's watermark, before the source; no record key of a producer may begin with a NUL."""


class Heartbeat(NamedTuple):
    """The watermark (ms) that one source partition had reached."""

    source: str
    watermark: int

    @property
    def headers(self) -> list[tuple[str, str | bytes | None]]:
        """How a record says so."""
        return [(SOURCE_HEADER, self.source.encode()), (WATERMARK_HEADER, b"%d" % self.watermark)]


def source_name(topic: str, number: int) -> str:
    """One partition of a source topic."""
    return f"{topic}/{number}"


def stated_watermark(record: Record) -> int | None:
    """The watermark that a record without value states, or None."""
    stated = header(record, WATERMARK_HEADER) or b""
    return int(stated) if stated.isdigit() and len(stated) <= WATERMARK_DIGITS else None


def heartbeat_of(record: Record) -> Heartbeat | None:
    """The heartbeat that a record without value is, or None."""
    source, watermark = header(record, SOURCE_HEADER), stated_watermark(record)
    if not source or watermark is None:
        return None
    return Heartbeat(source.decode(errors="replace"), watermark)


class SourceClock:
    """The watermarks of all sources of one partition; each is before all until it was heard, and never goes back.

    Like a partitioned state it changes within a span: `changes` for the changelog, then `keep` or `take_back`.
    """

    def __init__(self, partitions: Mapping[str, int]) -> None:
        """`partitions` is the number of partitions of each source topic."""
        self._marks = {
            source_name(topic, number): BEFORE_ALL for topic, count in partitions.items() for number in range(count)
        }
        self._pre_images: dict[str, int] = {}

    @property
    def watermark(self) -> int:
        """What every source has reached."""
        return min(self._marks.values(), default=BEFORE_ALL)

    @property
    def sources(self) -> dict[str, int]:
        """The watermark of each source."""
        return dict(self._marks)

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat. One of a source that the group does not name, or no longer, tells nothing."""
        known = self._marks.get(heartbeat.source)
        if known is not None and heartbeat.watermark > known:
            self._pre_images.setdefault(heartbeat.source, known)
            self._marks[heartbeat.source] = heartbeat.watermark

    def after(self, heartbeats: Iterable[Heartbeat]) -> list[int]:
        """The watermark after each of these heartbeats, were they heard now."""
        ahead = SourceClock({})
        ahead._marks = dict(self._marks)
        watermarks = []
        for heartbeat in heartbeats:
            ahead.hear(heartbeat)
            watermarks.append(ahead.watermark)
        return watermarks

    def changes(self) -> Changes:
        """What the open span changed, as changelog records."""
        changed = list(self._pre_images)
        return Changes(
            [SOURCE_KEY_PREFIX + source for source in changed], [b"%d" % self._marks[source] for source in changed]
        )

    def keep(self) -> None:
        """The span committed."""
        self._pre_images.clear()

    def take_back(self) -> None:
        """The span failed: every source is again where it was."""
        self._marks |= self._pre_images
        self._pre_images.clear()

    def load(self, sources: Mapping[str, int]) -> None:
        """Take what a changelog held; sources that the group no longer names are left out."""
        for source, watermark in sources.items():
            self.hear(Heartbeat(source, watermark))
        self.keep()
