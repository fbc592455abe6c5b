"""The evaluation of a visit, and the intervention it emits, once per visit and tier (`docs/fold.md`, 6)."""

from __future__ import annotations

from models.ava.frictions import detect, highest
from models.ava.signals import clarity, friction, intent, receptivity, value
from models.ava.tiers import ACTIVE, ESCALATE, NUDGE, composite, tier_of
from models.behaviour.effects import Effects, copy_text, next_emitted
from models.jit import Record, njit

_ALL_EMITTED = (1 << NUDGE) | (1 << ACTIVE) | (1 << ESCALATE)


@njit
def evaluate(row: Record, index: int, now_ms: int, trigger: int, effects: Effects) -> None:
    """Evaluate the visit at `now_ms`, and emit its tier where that is due."""
    if row.bot or not row.personalization or row.emitted == _ALL_EMITTED:
        return
    detected = detect(row)
    i = intent(row, now_ms)
    f = friction(detected)
    c = clarity(row, detected, now_ms)
    r = receptivity(row, now_ms)
    v = value(row)
    total = composite(i, f, c, r, v)
    tier = tier_of(total)
    if tier < NUDGE or row.emitted & (1 << tier):
        return
    row.emitted |= 1 << tier
    emitted = next_emitted(effects)
    emitted.row = index
    emitted.visit_ms = row.start_ms
    emitted.now_ms = now_ms
    emitted.tier = tier
    emitted.composite = total
    emitted.intent = i
    emitted.friction = f
    emitted.clarity = c
    emitted.receptivity = r
    emitted.value = v
    emitted.friction_code = highest(detected)
    emitted.trigger = trigger
    copy_text(row.site_id, emitted.site_id)
