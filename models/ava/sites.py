"""What a decision must know of a site: what its operator says and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models.ava.arms import tiers_to_raise
from models.ava.catalog import Catalog
from models.ava.profiles import profile_code
from models.rewards.reward import WEIGHTS
from schemas.errors import LamstreamError
from schemas.vocabulary import symbols

BUCKETS = 10_000
"""Places a visitor can have for the holdout."""
LIMITED_ACTIVE = "limited_active"
MODES = symbols("site-config", "mode")

SITE_DTYPE = np.dtype(
    [
        ("held_out", np.int64),
        ("sessions", np.int64),
        ("profile", np.int64),
        ("limited", np.uint8),
        ("kill_switch", np.uint8),
        ("opted_in", np.uint8),
        ("raisable", np.int64),
    ],
    align=True,
)
"""A site as the kernel takes it; `held_out`: the buckets below this are the holdout; `raisable`: `tiers_to_raise`."""


class SiteError(LamstreamError):
    """What is said of a site cannot be used."""


@dataclass(frozen=True)
class SiteContext:
    """A site; the defaults are those of one without site-config (DOMAIN 7, given) and without site-stage.

    `config_version`, `stage_version`: 0 for none. `holdout_share` 0-1. `sessions`: visits closed. Raises SiteError for
    an unknown mode or a share outside of 0-1, ProfileError for an unknown profile.
    """

    site_id: str
    config_version: int = 0
    mode: str = LIMITED_ACTIVE
    profile: str = "default"
    kill_switch: bool = False
    opted_in: bool = False
    holdout_share: float = 0.05
    forbidden_actions: frozenset[str] = frozenset()
    key_id: str | None = None
    stage_version: int = 0
    sessions: int = 0
    dwell_median_s: float = WEIGHTS.dwell_median_s
    scroll_median: float = WEIGHTS.scroll_median

    def __post_init__(self) -> None:
        profile_code(self.profile)
        if self.mode not in MODES:
            raise SiteError(f"found mode {self.mode!r} of site {self.site_id}; expected one of {', '.join(MODES)}")
        if not 0 <= self.holdout_share <= 1:
            raise SiteError(f"found holdout share {self.holdout_share} of site {self.site_id}; expected 0 to 1")

    @cached_property
    def held_out(self) -> int:
        """The buckets below this are the holdout."""
        return round(self.holdout_share * BUCKETS)

    @cached_property
    def row(self) -> tuple[int, ...]:
        """The site as a row of SITE_DTYPE, less what a catalog adds."""
        return (
            self.held_out,
            self.sessions,
            profile_code(self.profile),
            self.mode == LIMITED_ACTIVE,
            self.kill_switch,
            self.opted_in,
        )


def site_context(
    site_id: str, config: Mapping[str, Any] | None = None, stage: Mapping[str, Any] | None = None
) -> SiteContext:
    """A site from its site-config and site-stage records, either of which may not be there. Raises SiteError."""
    told: dict[str, Any] = {"site_id": site_id}
    if config is not None:
        told |= {
            name: config[name]
            for name in ("mode", "profile", "kill_switch", "opted_in", "holdout_share", "key_id")
            if name in config
        }
        told["config_version"] = config["version"]
        told["forbidden_actions"] = frozenset(config.get("forbidden_actions") or ())
    if stage is not None:
        told |= {"stage_version": stage["version"], "sessions": stage["sessions"]}
        medians = {name: stage.get(name) for name in ("dwell_median_s", "scroll_median")}
        told |= {name: median for name, median in medians.items() if median is not None}
    return SiteContext(**told)


def site_table(sites: Sequence[SiteContext], catalog: Catalog) -> npt.NDArray[np.void]:
    """`SITE_DTYPE[sites]`, for decisions by this catalog."""
    return np.array([(*site.row, tiers_to_raise(catalog, site.forbidden_actions)) for site in sites], SITE_DTYPE)
