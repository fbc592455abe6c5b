"""What a simulated shop is made of: its sites, its visitors' habits, the network between."""

from __future__ import annotations

import math
from dataclasses import dataclass

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS


@dataclass(frozen=True)
class Site:
    """One site of the shop.

    `share` of the visits, 0-1. `prices` of its products and `shipping` in the site's currency; carts from
    `free_shipping_from` on ship for nothing. `mode` None: no site-config is published, which makes it limited_active.
    """

    site_id: str
    share: float
    prices: tuple[float, ...]
    shipping: float
    free_shipping_from: float
    mode: str | None = "active"
    profile: str = "default"
    opted_in: bool = False

    @property
    def record(self) -> dict[str, object] | None:
        """Its site-config, None where it has none."""
        if self.mode is None:
            return None
        return {
            "site_id": self.site_id,
            "version": 1,
            "vertical": "ecommerce",
            "mode": self.mode,
            "profile": self.profile,
            "opted_in": self.opted_in,
        }


SITES = (
    Site("shop-a", 0.40, (19.0, 35.0, 59.0, 89.0, 120.0, 180.0, 260.0, 480.0), 6.9, 150.0, opted_in=True),
    Site("shop-b", 0.25, (9.0, 15.0, 24.0, 39.0, 59.0, 110.0), 4.9, 60.0, profile="aggressive"),
    Site("shop-c", 0.15, (12.0, 29.0, 49.0, 95.0, 210.0), 5.9, 100.0, mode=None),
    Site("shop-d", 0.20, (45.0, 90.0, 160.0, 320.0, 640.0), 12.0, 400.0, profile="conservative"),
)


@dataclass(frozen=True)
class Visitors:
    """Who comes. All are shares of the visits, 0-1 (ours).

    never_analytics: consent to nothing. analytics_only: consent without personalization. grants: consent to nothing
    until the second page, then to all. withdraws: consent to all, and to nothing from the third page on.
    returning: came before; anonymous: without a visitor_id; second_tab: go on in a second tab.
    bought_before: of the returning. known: size of the pool that returning visitors come from, by site.
    """

    never_analytics: float = 0.04
    analytics_only: float = 0.06
    grants: float = 0.02
    withdraws: float = 0.01
    returning: float = 0.35
    bought_before: float = 0.4
    anonymous: float = 0.25
    second_tab: float = 0.06
    known: int = 5_000


@dataclass(frozen=True)
class Network:
    """How records travel (ours).

    delay_ms: a visit's least time from client to collector, drawn from this range; jitter_ms is added to each record,
    and spike_ms at most to spike_share of them, as it is to the time a record waits at the client. duplicates: share of
    records sent twice, the second up to again_ms later. skewed: share of the clients whose clock is wrong by up to
    skew_ms; the others' by up to drift_ms. delivery_ms: range of the time from an intervention to its page.
    """

    delay_ms: tuple[int, int] = (20, 180)
    jitter_ms: int = 25
    spike_share: float = 0.02
    spike_ms: int = 900
    duplicates: float = 0.01
    again_ms: int = 1_500
    skewed: float = 0.08
    skew_ms: int = 10 * MINUTE_MS
    drift_ms: int = 2 * SECOND_MS
    delivery_ms: tuple[int, int] = (150, 900)


@dataclass(frozen=True)
class ContainerHabits:
    """How containers live (ours): `life_ms` from birth to tombstone, `alive` at least and at most a page type and site.

    `odd` is the share of births, or of retirements, to which each of the odd cases happens: a mutation that comes after
    its tombstone, a tombstone that comes twice, a tombstone of a container nobody made.
    `untrue`: share of mutations whose claim is not what they do; `unexplained`: share without a hypothesis.
    """

    life_ms: tuple[int, int] = (5 * MINUTE_MS, 20 * MINUTE_MS)
    alive: tuple[int, int] = (2, 4)
    odd: float = 0.02
    untrue: float = 0.1
    unexplained: float = 0.1


@dataclass(frozen=True)
class ShopConfig:
    """A simulated shop. The same config, start and interventions heard give the same records.

    visits_per_minute: mean of the Poisson arrivals, over all sites. longest_visit_ms: at which a visitor leaves.
    Raises ValueError where shares are not shares or the rate is not positive.
    """

    seed: int = 1
    visits_per_minute: float = 60.0
    sites: tuple[Site, ...] = SITES
    visitors: Visitors = Visitors()
    network: Network = Network()
    containers: ContainerHabits = ContainerHabits()
    longest_visit_ms: int = 40 * MINUTE_MS

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, found {self.seed}")
        if not 0 < self.visits_per_minute < math.inf:
            raise ValueError(f"visits_per_minute must be positive, found {self.visits_per_minute}")
        total = sum(site.share for site in self.sites)
        if not math.isclose(total, 1.0):
            raise ValueError(f"the sites' shares must sum to 1, found {total}")
        for name in ("never_analytics", "analytics_only", "grants", "withdraws", "returning", "anonymous"):
            if not 0 <= getattr(self.visitors, name) <= 1:
                raise ValueError(f"{name} must be a share, 0-1, found {getattr(self.visitors, name)}")
