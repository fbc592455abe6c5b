"""Scores of visits at a moment: what a visit looks like, where it is heading, and what each action may be worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.actions import ACTIONS
from models.behaviour.moment import INPUT_PLACE, INPUTS
from models.serving.errors import UnfitFeatures
from models.serving.release import default_release, read_release
from models.serving.session import CUDA, Chunk, check_widths, cuda_available, open_session
from models.signals import SIGNALS

Floats = npt.NDArray[np.float32]

FEATURES_INPUT = "features"
WIDTHS = {
    "embedding": 64,
    "abandonment": 1,
    "conversion": 1,
    "action_values": len(ACTIONS),
    "adjustments": len(SIGNALS),
}
"""The graph's outputs and their columns."""

CHUNK_ROWS = (16, 32, 64, 128, 256)
"""Rows that are run at once: what is scored is cut into the largest, the rest padded to the next. Above 256 a layer's
numbers leave a core's cache."""
PROVIDER_TOLERANCE = 1e-4
"""How far scores of the same row may lie apart on different providers or processors, absolute: sums of up to 256
float32 products in another order."""
_PROBE_SEED = 1
_PROBE_SPREAD = 3.0
"""Of the logarithms of the numbers that warm-up scores."""


class Scores(NamedTuple):
    """Scores of n visits."""

    embedding: Floats
    """float32[n, 64]: what the visit looks like; comparable within one version of the scorer only."""
    abandonment: Floats
    """float32[n]: probability that the visit ends with a cart not bought."""
    conversion: Floats
    """float32[n]: probability of a purchase in the rest of the visit."""
    action_values: Floats
    """float32[n, 22]: expected reward, 0-1 (DOMAIN 6), of each of ACTIONS."""
    adjustments: Floats
    """float32[n, 5]: by signal, -1 to 1: the share of the manifest's adjustment bound to move it by."""


class Scorer:
    """The scorer of a release, on CUDA where that loads, else on the CPU.

    On one machine and with one thread a row's scores are the same to the last bit however rows are batched: warm-up
    compares every size of chunk, and where one differs all rows are run in chunks of one size. Several threads share
    an operator's numbers out wherever that suits, and those at a seam are computed another way: then, as between
    providers, scores agree within PROVIDER_TOLERANCE. Not to be called by several threads at once: runs share buffers.

    folder: of the release, the default one where not given. threads: that one run uses on the CPU. cuda: whether to
    ask for a GPU; None asks where onnxruntime was built for one. Raises ModelRefused where the release does not fit.
    """

    def __init__(self, folder: Path | None = None, *, threads: int = 1, cuda: bool | None = None) -> None:
        release = read_release(folder or default_release())
        self.manifest = release.manifest
        wants_cuda = cuda_available() if cuda is None else cuda
        self._session = open_session(release.model, threads=threads, cuda=wants_cuda)
        check_widths(self._session, {FEATURES_INPUT: len(self.manifest.inputs)}, WIDTHS)
        self.provider: str = self._session.get_providers()[0]
        """The execution provider that runs the graph, as onnxruntime names it."""
        self.fell_back = wants_cuda and self.provider != CUDA
        """Whether a GPU was asked for and the CPU took its place."""
        self.exact = False
        """Whether in warm-up, by the chunks in use, no bit of a row's scores depended on its place."""
        places = [INPUT_PLACE[needed.name] for needed in self.manifest.inputs]
        self._places = None if places == list(range(len(INPUTS))) else np.array(places)
        self._chunks = {rows: self._chunk(rows) for rows in CHUNK_ROWS}
        self.warm_up()

    @property
    def version(self) -> str:
        """The release's version, which embeddings are kept apart by."""
        return self.manifest.version

    @property
    def chunk_rows(self) -> tuple[int, ...]:
        """The sizes of chunk in use, rising."""
        return tuple(self._chunks)

    def warm_up(self) -> None:
        """Run every size of chunk, keep only the largest where sizes differ in a bit, and see whether `exact` holds."""
        largest = CHUNK_ROWS[-1]
        random = np.random.default_rng(_PROBE_SEED)
        probe = random.lognormal(sigma=_PROBE_SPREAD, size=(largest, len(INPUTS))).astype(np.float32)
        whole = self._score(probe, (largest,))
        for rows in self.chunk_rows[:-1]:
            if not _same(whole, self._score(probe, (rows,))):
                self._chunks = {largest: self._chunks[largest]}
                break
        backwards = self._score(probe[::-1], (largest,))
        self.exact = _same(whole, Scores(*(column[::-1] for column in backwards)))

    def score(self, features: Floats) -> Scores:
        """The scores of `float32[n, 128]`, the features of n visits in the order of INPUTS.

        Numbers beyond what features can be, infinities too, count as the nearest that the graph takes. Raises
        UnfitFeatures for another shape or type, and for NaN, which no feature is.
        """
        _check(features)
        return self._score(features, self.chunk_rows)

    def _score(self, features: Floats, sizes: Sequence[int]) -> Scores:
        n = len(features)
        found = {name: np.empty((n, width), np.float32) for name, width in WIDTHS.items()}
        needed = features if self._places is None else features[:, self._places]
        for begin, end, rows in cut(n, sizes):
            for name, scores in self._chunks[rows].run(needed[begin:end]).items():
                found[name][begin:end] = scores
        flat = {name: scores[:, 0] if WIDTHS[name] == 1 else scores for name, scores in found.items()}
        return Scores(**flat)

    def _chunk(self, rows: int) -> Chunk:
        return Chunk(self._session, rows, FEATURES_INPUT, len(self.manifest.inputs), WIDTHS)


def cut(n: int, sizes: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Where n rows are cut: begin, end, and the size of chunk they are padded to; `sizes` rise."""
    for begin in range(0, n, sizes[-1]):
        end = min(begin + sizes[-1], n)
        yield begin, end, next(size for size in sizes if size >= end - begin)


def _same(one: Scores, other: Scores) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _check(features: Floats) -> None:
    if features.ndim != 2 or features.shape[1] != len(INPUTS) or features.dtype != np.float32:
        raise UnfitFeatures(
            f"found features {features.dtype}{list(features.shape)}; expected float32[n, {len(INPUTS)}], a column for "
            "each of models.behaviour.moment.INPUTS"
        )
    # The least number is NaN where any is one: a pass without a copy.
    if features.size and np.isnan(features.min()):
        row, place = np.argwhere(np.isnan(features))[0]
        raise UnfitFeatures(f"found NaN in row {row}, feature {INPUTS[place].name}; expected a number: fix its fold")
