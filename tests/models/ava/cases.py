"""Evaluations by hand: a visit's features by name, its history, its site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.ava.catalog import installed_catalog
from models.ava.conditions import CONDITIONS
from models.ava.deciding import BY_EVENT, Evaluations, Policy, judged
from models.ava.history import friction_set, no_history
from models.ava.judging import Verdicts
from models.ava.sites import SiteContext
from models.behaviour.moment import INPUT_PLACE, INPUTS

MASTER = bytes(range(32))
STARTED_MS = 1_700_000_000_000
SECOND_MS = 1_000
FREE = SiteContext("shop", mode="active", sessions=1_000, config_version=1, stage_version=1)
"""A site at which nothing but the visit holds anything back."""
IN_NO_HOLDOUT = 9_999

CALM = {
    "events": 20,
    "age_s": 600,
    "pages": 4,
    "page_type.category": 1,
    "device.desktop": 1,
    "source.direct": 1,
    "bounce": 0,
    "logged_in": -1,
    "returning": -1,
    "prior_conversion": -1,
    "shown_s": -1,
    "dismissed_s": -1,
    "pages_per_min": 1,
}
"""Ten minutes on a desktop, nothing wrong."""
CART = {"cart_items": 2, "cart_value": 150, "page_type.category": 0, "page_type.cart": 1}
CHECKOUT = {**CART, "page_type.cart": 0, "page_type.checkout": 1, "count.add_shipping_info": 1}
IDLE_CHECKOUT = {**CHECKOUT, "silent.checkout_idle_300": 1, "silent.idle_60": 1}
REFUSED_PAYMENT = {**CHECKOUT, "count.payment_error": 2}
LEAVING = {"page_type.category": 0, "page_type.product": 1, "count.exit_intent": 1, "price_last": 9, "price_max": 9}
"""F117, of confidence .7 and severity 70: ACTIVE."""


def row(**told: Any) -> npt.NDArray[np.float32]:
    """float32[128]: a calm visit, with what is told."""
    return row_of(told)


def row_of(*told: Mapping[str, float]) -> npt.NDArray[np.float32]:
    """The same, of features whose names hold dots; later ones count."""
    x = np.zeros(len(INPUTS), np.float32)
    for features in (CALM, *told):
        for name, value in features.items():
            x[INPUT_PLACE[name]] = value
    return x


def past(handled: Sequence[int] = (), raised: Sequence[int] = (), **told: Any) -> npt.NDArray[np.void]:
    """HISTORY_DTYPE[1]."""
    history = no_history(1)
    history["handled"][0], history["raised"][0] = friction_set(handled), friction_set(raised)
    for name, value in told.items():
        history[name] = value
    return history


def evaluations(
    features: npt.NDArray[np.float32],
    history: npt.NDArray[np.void] | None = None,
    *,
    consented: int = 1,
    bucket: int = IN_NO_HOLDOUT,
    adjustments: Sequence[float] = (0, 0, 0, 0, 0),
    session: str = "s",
) -> Evaluations:
    """One evaluation at the first site."""
    return Evaluations(
        features=features[None, :],
        consented=np.array([consented], np.uint8),
        history=past() if history is None else history,
        adjustments=np.array([adjustments], np.float32),
        site=np.zeros(1, np.int32),
        bucket=np.array([bucket], np.uint16),
        session=[session],
        visit_started_at=np.array([STARTED_MS]),
        decided_at=np.array([STARTED_MS + 600 * SECOND_MS]),
        timer=np.array([BY_EVENT], np.int8),
        post_session=np.zeros(1, np.bool_),
    )


def verdict(
    features: npt.NDArray[np.float32],
    history: npt.NDArray[np.void] | None = None,
    site: SiteContext = FREE,
    policy: Policy | None = None,
    **told: Any,
) -> Verdicts:
    """The kernel's verdict on one evaluation."""
    return judged(evaluations(features, history, **told), [site], policy or Policy(installed_catalog()))


def gates(of: Verdicts) -> list[str]:
    """The first condition of each gate that held."""
    return [CONDITIONS[int(condition)] for condition in of.gates[0]]


def reason(of: Verdicts) -> str:
    """Why nothing is concluded; empty where something is."""
    return CONDITIONS[int(of.suppressed[0])]
