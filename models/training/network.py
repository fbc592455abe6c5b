"""The scorer's network in torch: 128 -> 256 -> 128 -> heads, and how it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from models.behaviour.moment import INPUTS
from models.serving.scorer import WIDTHS

Floats = npt.NDArray[np.float32]

HIDDEN = (256, 128)
PACKED = ("embedding", "adjustments", "abandonment", "conversion", "action_values")
"""The heads in the columns of the last layer; those from `abandonment` on go through a sigmoid."""
_SCORES = PACKED[: PACKED.index("action_values")]
_SCORE_WIDTHS = (WIDTHS["embedding"], WIDTHS["adjustments"])


@dataclass(frozen=True)
class Learning:
    """How the network learns (ours).

    rate and decay: of AdamW. batch: rows a step. epochs: at most. patience: epochs without a better loss on the
    validation rows, after which it stops. clip: norm of a gradient. reconstruction: weight of the loss that gives the
    embedding its meaning, by which the normalized inputs are made from it again. shrinkage: weight of the squared
    log-odds by which the values of actions differ from that of the visit.
    """

    rate: float = 1e-3
    decay: float = 1e-2
    batch: int = 1024
    epochs: int = 30
    patience: int = 4
    clip: float = 1.0
    reconstruction: float = 0.1
    shrinkage: float = 0.03


class Table(NamedTuple):
    """Rows to learn from."""

    inputs: Floats
    """float32[n, 128], normalized."""
    chances: Floats
    """float32[n, 2], 0 or 1: abandonment and conversion."""
    action: npt.NDArray[np.int64]
    """int64[n]: place in ACTIONS of the action drawn, any where none was."""
    reward: Floats
    """float32[n], 0-1: what it earned."""
    weight: Floats
    """float32[n]: how much that reward counts; 0 where nothing was drawn."""


class Layer(NamedTuple):
    """One affine layer: x @ weight + bias."""

    weight: Floats
    """float32[from, to]"""
    bias: Floats
    """float32[to]"""


def train(
    learn: Table, validate: Table, seed: int, learning: Learning, progress: Callable[[int, float], None]
) -> list[Layer]:
    """The layers of the epoch with the least loss on `validate`; the same arguments give the same numbers.

    `progress` is told each epoch, from 1, and its loss.
    """
    # On one thread sums have one order, whatever the machine; a network this small is no slower for it.
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    network = _Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning.rate, weight_decay=learning.decay)
    rows = [torch.from_numpy(part) for part in learn]
    held = [torch.from_numpy(part) for part in validate]
    best, best_loss, waited = network.layers(), float("inf"), 0
    for epoch in range(1, learning.epochs + 1):
        for chosen in torch.randperm(len(learn.inputs)).split(learning.batch):
            optimizer.zero_grad()
            _loss(network, learning, *(part[chosen] for part in rows)).backward()
            nn.utils.clip_grad_norm_(network.parameters(), learning.clip)
            optimizer.step()
        with torch.no_grad():
            loss = float(_loss(network, learning, *held))
        progress(epoch, loss)
        waited += 1
        if loss < best_loss:
            best, best_loss, waited = network.layers(), loss, 0
        if waited >= learning.patience:
            break
    return best


class _Network(nn.Module):  # type: ignore[misc]
    """A trunk, and heads that are linear in it.

    An action's value is that of the visit plus the action's own difference. Differences begin at 0 and stay there for
    an action that is never drawn, whose value then is the visit's.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second = HIDDEN
        self.trunk = nn.Sequential(nn.Linear(len(INPUTS), first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())
        self.scores = nn.Linear(second, sum(WIDTHS[name] for name in _SCORES))
        self.value = nn.Linear(second, 1)
        self.differences = nn.Linear(second, WIDTHS["action_values"])
        nn.init.zeros_(self.differences.weight)
        nn.init.zeros_(self.differences.bias)
        self.decoder = nn.Linear(WIDTHS["embedding"], len(INPUTS))

    def layers(self) -> list[Layer]:
        """Copies of the numbers as affine layers, the heads packed into the last."""
        first, second = (part for part in self.trunk if isinstance(part, nn.Linear))
        packed = torch.cat([self.scores.weight, self.value.weight + self.differences.weight])
        biases = torch.cat([self.scores.bias, self.value.bias + self.differences.bias])
        numbers = ((first.weight, first.bias), (second.weight, second.bias), (packed, biases))
        return [Layer(w.detach().numpy().T.copy(), b.detach().numpy().copy()) for w, b in numbers]


def _loss(
    network: _Network,
    learning: Learning,
    inputs: torch.Tensor,
    chances: torch.Tensor,
    action: torch.Tensor,
    reward: torch.Tensor,
    weight: torch.Tensor,
) -> torch.Tensor:
    seen = network.trunk(inputs)
    embedding, adjustments, logits = network.scores(seen).split([*_SCORE_WIDTHS, chances.shape[1]], dim=1)
    # Cross entropy is least at the expected target, for a reward between 0 and 1 as for a yes or no.
    expected = functional.binary_cross_entropy_with_logits(logits, chances, reduction="none").mean(dim=0).sum()
    differences = network.differences(seen)
    of_the_drawn = network.value(seen)[:, 0] + differences.gather(1, action[:, None])[:, 0]
    earned = functional.binary_cross_entropy_with_logits(of_the_drawn, reward, reduction="none")
    values = (weight * earned).mean() + learning.shrinkage * differences.square().mean()
    reconstructed = functional.mse_loss(network.decoder(embedding), inputs)
    to_zero = adjustments.square().mean()
    return expected + values + to_zero + learning.reconstruction * reconstructed
