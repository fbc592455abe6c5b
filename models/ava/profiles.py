"""The three profiles of a site: how strongly it intervenes (DOMAIN 7, given)."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from schemas.errors import LamstreamError

WEIGHT_TOLERANCE = 0.001
"""How far the sum of weights may lie from 1 (given)."""


class ProfileError(LamstreamError):
    """A profile's figures do not hold together, or there is no profile of that name."""


@dataclass(frozen=True)
class Profile:
    """Every figure of a profile; the defaults are those of `default`.

    Weights of the five signals, summing to 1; `*_at_most`: the highest composite, 0-100, of a tier; times in seconds;
    `*_per_session` counts decisions of a visit, `loud` those above PASSIVE. Raises ProfileError where weights do not
    sum to 1 or bounds do not rise.
    """

    intent: float = 0.25
    friction: float = 0.25
    clarity: float = 0.15
    receptivity: float = 0.20
    value: float = 0.15
    monitor_at_most: float = 29.0
    passive_at_most: float = 49.0
    nudge_at_most: float = 64.0
    active_at_most: float = 79.0
    min_age_s: float = 30.0
    active_per_session: float = 2.0
    nudge_per_session: float = 3.0
    loud_per_session: float = 6.0
    after_active_s: float = 120.0
    after_nudge_s: float = 60.0
    after_dismissal_s: float = 300.0
    dismissals: float = 3.0

    def __post_init__(self) -> None:
        total = sum(self.weights)
        if not math.isclose(total, 1.0, abs_tol=WEIGHT_TOLERANCE):
            raise ProfileError(f"found weights that sum to {total}; expected 1: correct the profile")
        if list(self.bounds) != sorted(set(self.bounds)):
            raise ProfileError(f"found tier bounds {self.bounds}; expected rising ones: correct the profile")

    @property
    def weights(self) -> tuple[float, float, float, float, float]:
        """Of intent, friction, clarity, receptivity and value."""
        return self.intent, self.friction, self.clarity, self.receptivity, self.value

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The highest composite of MONITOR, PASSIVE, NUDGE and ACTIVE."""
        return self.monitor_at_most, self.passive_at_most, self.nudge_at_most, self.active_at_most


PROFILES = MappingProxyType(
    {
        "default": Profile(),
        "aggressive": Profile(
            intent=0.20,
            friction=0.30,
            clarity=0.10,
            receptivity=0.20,
            value=0.20,
            monitor_at_most=24.0,
            passive_at_most=39.0,
            nudge_at_most=54.0,
            active_at_most=69.0,
            min_age_s=15.0,
            active_per_session=3.0,
            nudge_per_session=5.0,
            loud_per_session=8.0,
            after_active_s=60.0,
            after_nudge_s=30.0,
            after_dismissal_s=180.0,
            dismissals=5.0,
        ),
        "conservative": Profile(
            intent=0.30,
            friction=0.20,
            clarity=0.20,
            receptivity=0.15,
            value=0.15,
            monitor_at_most=39.0,
            passive_at_most=59.0,
            nudge_at_most=74.0,
            active_at_most=89.0,
            min_age_s=60.0,
            active_per_session=1.0,
            nudge_per_session=2.0,
            loud_per_session=4.0,
            after_active_s=300.0,
            after_nudge_s=120.0,
            after_dismissal_s=600.0,
            dismissals=2.0,
        ),
    }
)
"""By name, as site-config has them."""
PROFILE_NAMES = tuple(PROFILES)
PROFILE_DTYPE = np.dtype([(field.name, np.float64) for field in fields(Profile)], align=True)


def profile_code(name: str) -> int:
    """A profile's place in PROFILE_NAMES. Raises ProfileError for a name that is not there."""
    try:
        return PROFILE_NAMES.index(name)
    except ValueError:
        raise ProfileError(f"found profile {name!r}; expected one of {', '.join(PROFILE_NAMES)}") from None


def profile_table() -> npt.NDArray[np.void]:
    """`PROFILE_DTYPE[profiles]`, in the order of PROFILE_NAMES."""
    return np.array([astuple(profile) for profile in PROFILES.values()], PROFILE_DTYPE)
