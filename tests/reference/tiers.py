"""The tiers of an intervention, from none to the loudest."""

from __future__ import annotations

TIERS = ("MONITOR", "PASSIVE", "NUDGE", "ACTIVE", "ESCALATE")
MONITOR, PASSIVE, NUDGE, ACTIVE, ESCALATE = range(len(TIERS))
