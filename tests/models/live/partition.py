"""What a worker of live sessions consults, for partitions held in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.ava.catalog import installed_catalog
from models.ava.deciding import Decider, Policy
from models.ava.draws import Draws
from models.bandit.posterior import Posterior
from models.behaviour.config import FoldConfig
from models.live.site_book import SiteBook
from models.live.turn import Minds
from models.serving.scorer import Scorer
from services.live_partition import LivePartition, Record

__all__ = ["KEY", "LivePartition", "minds"]

KEY = b"a key for tests, of 32 bytes....."


def minds(
    *,
    configs: Iterable[Record] = (),
    posteriors: Mapping[str, Posterior] | None = None,
    scorer: Scorer | None = None,
    config: FoldConfig | None = None,
) -> Minds:
    """What a worker consults, with sites as configured."""
    draws = Draws(KEY)
    book = SiteBook(draws.key_id)
    for record in configs:
        book.apply_config(record["site_id"], record, 0)
    decider = Decider(Policy(installed_catalog(), "" if scorer is None else scorer.version), draws)
    return Minds(config or FoldConfig(), draws, book, decider, {} if posteriors is None else posteriors, scorer)
