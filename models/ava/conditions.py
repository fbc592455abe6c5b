"""The names of the conditions that gates hold, in one place; a condition's code is its place in `CONDITIONS`."""

from __future__ import annotations

CONDITIONS_BY_GATE = (
    ("consent_withheld", "kill_switch", "holdout"),
    ("no_friction",),
    ("payment_failed", "checkout_idle", "help_search"),
    ("technical_error", "out_of_stock_in_view", "shipping_not_shown"),
    ("limited_active", "low_confidence", "young_site"),
    ("not_receptive", "dismissal_limit"),
    (
        "session_age",
        "active_limit",
        "nudge_limit",
        "loud_limit",
        "same_friction",
        "after_active",
        "after_nudge",
        "after_dismissal",
        "too_soon",
    ),
)
"""Of gates 0 to 6, each in the order in which they are looked at."""
GATE_NAMES = ("stop", "no friction", "raise", "lower", "mode", "receptive", "limits")
GATES = len(CONDITIONS_BY_GATE)
NOTHING = 0
"""No condition held."""
MONITOR_TIER = "monitor"
"""Why an evaluation whose tier is MONITOR concludes nothing."""
NO_ACTION = "no_action"
"""Why one concludes nothing whose friction has no action of the tier."""

CONDITIONS = ("", *(name for gate in CONDITIONS_BY_GATE for name in gate), MONITOR_TIER, NO_ACTION)


def condition_code(name: str) -> int:
    """A condition's place in CONDITIONS."""
    return CONDITIONS.index(name)
