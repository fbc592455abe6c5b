"""What the fold concluded, as the records that leave on topics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from models.ava.frictions import FRICTIONS, NO_FRICTION
from models.behaviour.effects import COUNTS
from models.behaviour.fold import Folded
from schemas.vocabulary import EVENT_TYPES, TIERS, TRIGGERS, code

PURCHASE = code(EVENT_TYPES, "purchase")
SIGNALS = ("composite", "intent", "friction", "clarity", "receptivity", "value")


def interventions(folded: Folded, sessions: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A record of intervention.avsc for each emitted evaluation; `sessions` names the session of each."""
    emitted = folded.evaluations
    for position, session in enumerate(sessions):
        visit_ms = int(emitted.visit_ms[position])
        tier = TIERS[emitted.tier[position]]
        friction = int(emitted.friction_code[position])
        yield {
            "intervention_id": f"{session}:{visit_ms}:{tier}",
            "site_id": emitted.site_id[position].decode(),
            "session_id": session,
            "visit_started_at": visit_ms,
            "decided_at": int(emitted.now_ms[position]),
            "tier": tier,
            **{signal: float(getattr(emitted, signal)[position]) for signal in SIGNALS},
            "friction_id": None if friction == NO_FRICTION else FRICTIONS[friction].id,
            "trigger": TRIGGERS[emitted.trigger[position]],
        }


def site_deltas(folded: Folded, topic: str, partition: int, watermark: int) -> Iterator[dict[str, Any]]:
    """A record of site-delta.avsc for each site that something was counted for.

    `topic` and `partition` say where the records came from, `watermark` is that partition's, ms since the epoch.
    """
    closed_sites = folded.closed["site_id"]
    counts = dict(zip((site.decode() for site in folded.sites), folded.counts, strict=True))
    for site in sorted({*counts, *(site.decode() for site in np.unique(closed_sites))}):
        closed = folded.closed[closed_sites == site.encode()]
        counted = counts.get(site, np.zeros(len(COUNTS), np.int64))
        if not len(closed) and not counted.any():
            continue
        lines = closed["type_count"][:, PURCHASE]
        yield {
            "site_id": site,
            "source_topic": topic,
            "source_partition": partition,
            "watermark": max(watermark, -1),
            "visits": len(closed),
            "converted_visits": int((lines > 0).sum()),
            "orders": int(closed["orders"].sum()),
            "order_lines": int(lines.sum()),
            **{name: int(count) for name, count in zip(COUNTS, counted, strict=True)},
        }
