"""What is known of arms, made up and kept as it is."""

from __future__ import annotations

import random
from collections.abc import Sequence

from models.ava.catalog import installed_catalog
from models.bandit.posterior import Posterior


def fixed_posteriors(sites: Sequence[str]) -> dict[str, Posterior]:
    """Something known of every arm, different for each."""
    source = random.Random(7)
    known = {}
    for site in sites:
        for friction in installed_catalog().frictions:
            for action in (*friction.actions, "no_op"):
                n = source.randrange(1, 40)
                mean = source.random()
                known[f"a:{site}:{friction.id}:{action}"] = Posterior(n, n * mean, n * mean * mean, 3)
    return known
