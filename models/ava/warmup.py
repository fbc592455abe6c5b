"""Compilation of the deciding kernels ahead of the stream's cycle; the machine code is kept on disk."""

from __future__ import annotations

import numpy as np

from models.ava.catalog import installed_catalog
from models.ava.history import no_history
from models.ava.judging import judge
from models.ava.sites import SiteContext, site_table
from models.bandit.best import best_probabilities
from models.bandit.posterior import Belief
from models.behaviour.moment import INPUTS
from models.signals import SIGNALS


def compile() -> None:
    """Run every kernel once on one evaluation."""
    judge(
        features=np.zeros((1, len(INPUTS)), np.float32),
        consented=np.zeros(1, np.uint8),
        history=no_history(1),
        adjustments=np.zeros((1, len(SIGNALS)), np.float32),
        bound=0.0,
        site=np.zeros(1, np.int32),
        sites=site_table([SiteContext("")], installed_catalog()),
        bucket=np.zeros(1, np.uint16),
        catalog=installed_catalog().compiled,
    )
    best_probabilities([Belief(False, 1.0, 1.0), Belief(True, 0.5, 0.1)])
