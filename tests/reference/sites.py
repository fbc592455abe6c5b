"""What is known of a site: what its operator says of it (DOMAIN.md, 7), and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.reference.draws import BUCKETS
from tests.reference.profiles import PROFILES, Profile

DWELL_MEDIAN_S = 60.0
SCROLL_MEDIAN = 0.5
"""Of a site of which no median is known."""


@dataclass(frozen=True)
class Site:
    """A site; the defaults are those of one without a site-config."""

    site_id: str
    version: int = 0
    mode: str = "limited_active"
    profile: str = "default"
    kill_switch: bool = False
    opted_in: bool = False
    holdout_share: float = 0.05
    forbidden: frozenset[str] = frozenset()

    @property
    def limited(self) -> bool:
        """Whether only sure mappings count, and nothing above NUDGE."""
        return self.mode == "limited_active"

    @property
    def figures(self) -> Profile:
        """Of its profile."""
        return PROFILES[self.profile]

    @property
    def held_out_below(self) -> int:
        """The buckets of its holdout."""
        return round(self.holdout_share * BUCKETS)

    def told(self) -> dict[str, Any]:
        """As a decision's record holds it, less what a site-stage adds."""
        return {
            "kill_switch": self.kill_switch,
            "opted_in": self.opted_in,
            "holdout_share": self.holdout_share,
            "forbidden_actions": sorted(self.forbidden),
        }


def site_from(config: Mapping[str, Any], key_id: str) -> Site:
    """A site from its site-config; one that names another master key is stopped (docs/decisions.md, D41)."""
    site_id: str = config["site_id"]
    if config.get("key_id") not in (None, key_id):
        return Site(site_id, kill_switch=True)
    given = {
        name: config[name] for name in ("mode", "profile", "kill_switch", "opted_in", "holdout_share") if name in config
    }
    forbidden = frozenset(config.get("forbidden_actions") or ())
    return Site(site_id, version=config["version"], forbidden=forbidden, **given)
