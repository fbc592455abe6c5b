"""The signals that the urgency of an intervention is composed of (DOMAIN 7, given)."""

from __future__ import annotations

SIGNALS = ("intent", "friction", "clarity", "receptivity", "value")
"""In the order in which they are weighted and summed, and in which a scorer adjusts them."""
