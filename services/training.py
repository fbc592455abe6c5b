"""What training is given: hours of the simulated shop with live decisions, and the name of the code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import models
from models.ava.catalog import installed_catalog
from models.ava.deciding import Decider, Policy
from models.ava.draws import Draws
from models.behaviour.config import HOUR_MS, SECOND_MS, FoldConfig
from models.live.site_book import SiteBook
from models.live.turn import Minds
from models.shop.config import ShopConfig
from models.shop.shop import Shop
from models.training.examples import Ending, Told
from services.live_partition import LivePartition
from services.publishing import CLOSE_ALL_MS

START_MS = 1_700_000_000_000
"""When the simulated shop opens, ms since the epoch."""
STEP_MS = SECOND_MS
"""How much event time passes between two looks at what was decided: interventions are heard that late at most."""
_DIGEST_CHARACTERS = 12


@dataclass(frozen=True)
class Hours:
    """Hours of a simulated shop.

    hours: the shop is open. visits_per_minute: mean, over all sites. seed: of the shop and of all draws. sample_rate,
    0-1: share of the evaluations without a decision that are kept.
    """

    hours: float = 1.0
    visits_per_minute: float = 600.0
    seed: int = 1
    sample_rate: float = 0.1


def simulated_hours(plan: Hours) -> Iterator[Told]:
    """What live sessions of a shop tell while it is open and until everybody has left; the same plan, the same records.

    Every site is active and opted in, so that actions of all tiers are decided on; no posterior is known, so that
    those of a friction and tier are drawn alike. The page shows what is fired.
    """
    sites = tuple(replace(site, mode="active", opted_in=True) for site in ShopConfig().sites)
    shop = Shop(ShopConfig(seed=plan.seed, visits_per_minute=plan.visits_per_minute, sites=sites), START_MS)
    partition = LivePartition(_minds(shop, plan))
    closes_ms = START_MS + int(plan.hours * HOUR_MS)
    while shop.now_ms < closes_ms:
        yield _step(shop, partition)
    shop.close_door()
    while not shop.empty:
        yield _step(shop, partition)
    partition.advance(shop.now_ms + CLOSE_ALL_MS)
    yield _told(partition)


def _minds(shop: Shop, plan: Hours) -> Minds:
    """What decisions go by: rules and draws, without a scorer."""
    draws = Draws(hashlib.sha256(b"%d" % plan.seed).digest())
    book = SiteBook(draws.key_id)
    for config in shop.site_configs():
        book.apply_config(str(config["site_id"]), config, 0)
    decider = Decider(Policy(installed_catalog(), sample_rate=plan.sample_rate), draws)
    return Minds(FoldConfig(), draws, book, decider, {})


def _step(shop: Shop, partition: LivePartition) -> Told:
    sent = shop.advance(shop.now_ms + STEP_MS)
    events = [one.record for one in sent if one.topic == "session-event"]
    if events:
        partition.take(events)
    else:
        partition.advance(shop.now_ms)
    for intervention in partition.records["intervention"]:
        shop.hear(intervention, shop.now_ms)
    return _told(partition)


def _told(partition: LivePartition) -> Told:
    """What came out of the partition since this was last asked."""
    endings = [
        Ending(closed.session_id, int(closed.row["start_ms"]), int(closed.row["orders"]), int(closed.row["cart_items"]))
        for closed in partition.closed
    ]
    told = Told(partition.records["decision"], partition.records["reward-update"], endings)
    partition.forget()
    return told


def code_version() -> str:
    """The version of the package, and a digest of all sources of `models`, which a release is made by."""
    folder = Path(models.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return f"lamstream {version('lamstream')}, models {digest.hexdigest()[:_DIGEST_CHARACTERS]}"
