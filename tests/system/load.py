"""Numbered input without end, the same for the same seed, of which no result depends on how it is cut into batches.

SLOTS sessions send in turn, an event each a round, so that two events of a session lie a round apart on their partition
and share no poll of POLLED records. Nobody tells dwell or scroll depth: rewards measure them against medians that
arrive when they arrive. All sites are active from the first visit on, and some visitors consent to personalization. A
session ends after some rounds, and another takes its slot. Now and then a slot sends what it sent before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import fastavro
import numpy as np

from bench.journeys import CONTAINERS, EVENTS_A_JOURNEY, SITES, journey
from bench.load import Template, cut, schema_json, single_object_header, time_bytes, varint
from schemas.encoder import Encoder
from schemas.record_type import record_type
from services.site_configs import default_config

SLOTS = 36_000
"""Sessions at a time, and so events of a round."""
POLLED = 5_000
"""Records of a poll at most, where a partition gets SLOTS / 6 of a round."""
OPENS = 1_760_000_040_000
"""A full minute, ms since the epoch."""
ROUNDS_S = (5.0, 12.0, 20.0, 35.0, 80.0)
"""Event time that a round may take: from a few quick clicks to a silence after which a visit is looked at."""
PAUSE_EVERY, PAUSE_S = 12, 2_400.0
"""So often a round takes as long as it takes visits to close, one after another."""
SHORTEST, LENGTHS = 10, 25
"""A session has so many events, and up to LENGTHS - 1 more."""
JOURNEYS = 256
TRANSIT_MS = 40
"""From happening to sending, and again to receipt."""
AGAIN = 0.005
"""Share of the events that are the slot's last one sent again."""
MEASURES = ("dwell_s", "scroll_depth")
PERSONAL = 0.2
"""Share of the journeys of which decisions are taken; the others are folded, close and reward containers."""
MADE, RETIRED = 0.95, 0.6
"""Shares of the containers that are told to be made, and to be retired."""

PAGE = {"component_path": "HERO > CTA", "contrast_ratio": 4.5, "components": {"HERO": 1, "CTA": 2}}
CLAIMED = {"urgency": 0.0, "scarcity": 0.0, "trust": 0.8, "friction": -0.2, "aesthetic_complexity": 0.0}


class Numbered(NamedTuple):
    """A record of the input."""

    key: bytes
    value: bytes


class Load:
    """An endless sequence of rounds. `made` counts the session events so far."""

    def __init__(self, seed: int, slots: int = SLOTS) -> None:
        self.seed = seed
        self.made = 0
        self.now_ms = OPENS
        self.slots = slots
        self._round = 0
        self._dice = random.Random(seed)
        self._journeys = list(_templates(seed))
        self._last = [Numbered(b"", b"")] * slots

    def round(self) -> list[Numbered]:
        """The next event of every slot, in the order of their times."""
        pause = self._round % PAUSE_EVERY == PAUSE_EVERY - 1
        step_ms = (PAUSE_S if pause else self._dice.choice(ROUNDS_S)) * 1000
        occurred = (self.now_ms + np.arange(self.slots) * (step_ms / self.slots)).astype(np.int64)
        at, sent, received = (time_bytes(occurred + late * TRANSIT_MS) for late in range(3))
        again = {slot for slot in range(self.slots) if self._dice.random() < AGAIN and self._round > 0}
        for slot in range(self.slots):
            if slot not in again:
                times = slice(6 * slot, 6 * slot + 6)
                self._last[slot] = self._event(slot, at[times] + sent[times], received[times])
            self.made += 1
        self._round += 1
        self.now_ms += int(step_ms)
        return list(self._last)

    def pause(self, lasts_ms: int) -> int:
        """Time passes without events; the watermark that says so."""
        self.now_ms += lasts_ms
        return self.now_ms

    def containers(self, lasts_ms: int) -> Iterator[tuple[str, Numbered]]:
        """Topic and record of every mutation and tombstone, over `lasts_ms` from the opening on.

        Most containers are made at the opening from the one before them, and many are retired at some time, a few of
        them twice, or before it is told that they were made.
        """
        dice, mutations, tombstones = random.Random(self.seed), *map(_encoder, ("mutation", "tombstone"))
        for number, (container, site, parent) in enumerate(_containers()):
            retired_ms = OPENS + int(dice.random() * lasts_ms)
            common = {"site_id": site, "container_id": container}
            if dice.random() < MADE:
                page = {"before": PAGE, "after": PAGE, "claimed": CLAIMED, "parent_id": parent, "version": 1}
                made = {**common, **page, **_times(OPENS), "event_id": f"m-{number}", "hypothesis": None}
                yield "mutation", Numbered(container.encode(), mutations.encode(made))
            if dice.random() < RETIRED:
                for time in range(1 + (dice.random() < AGAIN)):
                    gone = {**common, **_times(retired_ms), "event_id": f"t-{number}-{time}", "reason": "underperform"}
                    yield "tombstone", Numbered(container.encode(), tombstones.encode(gone))

    def _event(self, slot: int, times: bytes, received: bytes) -> Numbered:
        length = SHORTEST + slot % LENGTHS
        # Sessions are of all ages at the opening, so that they do not all end together.
        generation, seq = divmod(self._round + slot * 7 % length, length)
        played = self._journeys[(slot * 31 + generation * 17) % JOURNEYS]
        place = slot * 13 % (EVENTS_A_JOURNEY - length)
        parts = played[place + seq]
        session = b"%08x-s%07d-%014d" % (self.seed, slot, generation)
        event_id = b"%08x-%023d" % (self.seed, self.made)
        before = (parts.before_id, event_id, parts.before_session, session, parts.before_seq, varint(seq))
        return Numbered(
            session, b"".join((*before, parts.before_times, times, parts.between_times, received, parts.rest))
        )


def site_configs() -> list[dict[str, Any]]:
    """All sites act from the first visit on, on every tier."""
    return [{**default_config(site), "version": 1, "mode": "active", "opted_in": True} for site in SITES]


def _templates(seed: int) -> Iterator[list[Template]]:
    schema, header = fastavro.parse_schema(schema_json()), single_object_header(schema_json())
    for number in range(JOURNEYS):
        events = journey(seed * 100_003 + number)
        plain = [{name: value for name, value in event.items() if name not in MEASURES} for event in events]
        consent = {"analytics": True, "personalization": number < PERSONAL * JOURNEYS}
        yield [cut(schema, header, {**event, "consent": consent}) for event in plain]


def _containers() -> Iterator[tuple[str, str, str | None]]:
    for site in SITES:
        for number in range(CONTAINERS):
            parent = f"{site}-c{number - 1:02}" if number else None
            yield f"{site}-c{number:02}", site, parent


def _times(at_ms: int) -> dict[str, int]:
    return {"occurred_at": at_ms, "sent_at": at_ms + TRANSIT_MS, "received_at": at_ms + 2 * TRANSIT_MS}


def _encoder(topic: str) -> Encoder:
    return Encoder(record_type(topic))
