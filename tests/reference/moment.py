"""What an evaluation reads of a visit at its moment (docs/live.md, section 1)."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from tests.reference.features import FEATURES, Feature
from tests.reference.float32 import float32
from tests.reference.release import INPUTS

if TYPE_CHECKING:
    from tests.reference.visit import Visit

IDLE_TIMERS = ("idle_60", "checkout_idle_300", "cart_idle_600", "cart_idle_1800")


def age_s(visit: Visit, now: int) -> float:
    """Seconds from the start of the visit, float32."""
    return float32((now - visit.start) / 1_000)


def page_s(visit: Visit, now: int) -> float:
    """Seconds from the entering of the current page, float32; the first page is entered with the visit."""
    return float32(max(0, now - visit.start - visit.pages.entered) / 1_000)


def since_s(visit: Visit, now: int, kind: str) -> float:
    """Seconds from the last event of a type, float32; -1 where there was none."""
    last = visit.types.last.get(kind)
    return -1.0 if last is None else float32(max(0, now - visit.start - last) / 1_000)


def technical_error(visit: Visit) -> bool:
    """Whether a js_error was folded since the current page was entered."""
    last = visit.types.last.get("js_error")
    return last is not None and last >= visit.pages.entered


def vector(visit: Visit, now: int) -> array[float]:
    """The 128 inputs of the scorer, float32, in the order that its release says."""
    return array("f", [feature(visit, now) for feature in _OF_SCORER])


def _is_silent(timer: str) -> Feature:
    return lambda visit, _: timer in visit.timers.silent


AT_MOMENT: dict[str, Feature] = FEATURES | {
    "age_s": age_s,
    "idle_s": lambda visit, now: float32(max(0, now - visit.timers.active) / 1_000),
    "page_s": page_s,
    "shown_s": lambda visit, now: since_s(visit, now, "intervention_shown"),
    "dismissed_s": lambda visit, now: since_s(visit, now, "intervention_dismissed"),
    **{f"silent.{timer}": _is_silent(timer) for timer in IDLE_TIMERS},
    "help_searches": lambda visit, _: visit.searches.for_help,
    "technical_error": lambda visit, _: technical_error(visit),
    "out_of_stock_in_view": lambda visit, _: visit.products.out_of_stock_in_view,
    "decisions": lambda visit, _: visit.history.decisions,
}
"""All that rules may ask for, by name. What rules compare is float32 or a whole number."""
_OF_SCORER = [AT_MOMENT[name] for name in INPUTS]
