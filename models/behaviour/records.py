"""What the fold concluded, as the records that leave on topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ava.frictions import FRICTIONS, NO_FRICTION
from models.behaviour.effects import COUNTS
from models.behaviour.fold import Folded
from schemas.vocabulary import EVENT_TYPES, TIERS, TRIGGERS, code

PURCHASE = code(EVENT_TYPES, "purchase")
VISIT_SUMS = ("visits", "converted_visits", "orders", "order_lines")
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


def site_deltas(folded: Sequence[Folded], topic: str, partition: int, watermark: int) -> Iterator[dict[str, Any]]:
    """A record of site-delta.avsc for each site that something was counted for, summed over `folded`.

    `topic` and `partition` say where the records came from, `watermark` is that partition's, ms since the epoch.
    """
    sums: defaultdict[bytes, NDArray[np.int64]] = defaultdict(lambda: np.zeros(len(VISIT_SUMS) + len(COUNTS), np.int64))
    for one in folded:
        for site, counts in zip(one.sites.tolist(), one.counts, strict=True):
            sums[site][len(VISIT_SUMS) :] += counts
        lines = one.closed["type_count"][:, PURCHASE]
        closed = zip(one.closed["site_id"].tolist(), one.closed["orders"].tolist(), lines.tolist(), strict=True)
        for site, orders, order_lines in closed:
            sums[site][: len(VISIT_SUMS)] += (1, order_lines > 0, orders, order_lines)
    for site, summed in sorted(sums.items()):
        if summed.any():
            yield {
                "site_id": site.decode(),
                "source_topic": topic,
                "source_partition": partition,
                "watermark": max(watermark, -1),
                **dict(zip((*VISIT_SUMS, *COUNTS), summed.tolist(), strict=True)),
            }
