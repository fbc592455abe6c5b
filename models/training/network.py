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
_EMBEDDING, _ADJUSTMENTS = WIDTHS["embedding"], WIDTHS["adjustments"]


@dataclass(frozen=True)
class Learning:
    """How the network learns (ours).

    rate and decay: of AdamW. batch: rows a step. epochs: at most. patience: epochs without a better loss on the
    validation rows, after which it stops. clip: norm of a gradient. reconstruction: weight of the loss that gives the
    embedding its meaning, by which the normalized inputs are made from it again.
    """

    rate: float = 1e-3
    decay: float = 1e-2
    batch: int = 512
    epochs: int = 30
    patience: int = 4
    clip: float = 1.0
    reconstruction: float = 0.1


class Table(NamedTuple):
    """Rows to learn from."""

    inputs: Floats
    """float32[n, 128], normalized."""
    targets: Floats
    """float32[n, 24], 0-1: of abandonment, conversion and the action values."""


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
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    network = _network()
    decoder = nn.Linear(_EMBEDDING, len(INPUTS))
    parameters = [*network.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=learning.rate, weight_decay=learning.decay)
    rows = [torch.from_numpy(part) for part in learn]
    held = [torch.from_numpy(part) for part in validate]
    best, best_loss, waited = layers(network), float("inf"), 0
    for epoch in range(1, learning.epochs + 1):
        for chosen in torch.randperm(len(rows[0])).split(learning.batch):
            optimizer.zero_grad()
            _loss(network, decoder, rows[0][chosen], rows[1][chosen], learning).backward()
            nn.utils.clip_grad_norm_(parameters, learning.clip)
            optimizer.step()
        with torch.no_grad():
            loss = float(_loss(network, decoder, held[0], held[1], learning))
        progress(epoch, loss)
        waited += 1
        if loss < best_loss:
            best, best_loss, waited = layers(network), loss, 0
        if waited >= learning.patience:
            break
    return best


def layers(network: nn.Sequential) -> list[Layer]:
    """Copies of the affine layers' numbers."""
    affine = [part for part in network if isinstance(part, nn.Linear)]
    return [Layer(a.weight.detach().numpy().T.copy(), a.bias.detach().numpy().copy()) for a in affine]


def _network() -> nn.Sequential:
    first, second = HIDDEN
    return nn.Sequential(
        nn.Linear(len(INPUTS), first),
        nn.ReLU(),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, sum(WIDTHS.values())),
    )


def _loss(
    network: nn.Sequential, decoder: nn.Linear, inputs: torch.Tensor, targets: torch.Tensor, learning: Learning
) -> torch.Tensor:
    packed = network(inputs)
    embedding, adjustments, logits = packed.split([_EMBEDDING, _ADJUSTMENTS, targets.shape[1]], dim=1)
    # Cross entropy is least at the expected target, for a reward between 0 and 1 as for a yes or no.
    each = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=0)
    abandonment, conversion, values = each.split([1, 1, targets.shape[1] - 2])
    reconstructed = functional.mse_loss(decoder(embedding), inputs)
    to_zero = adjustments.square().mean()
    return abandonment.sum() + conversion.sum() + values.mean() + to_zero + learning.reconstruction * reconstructed
