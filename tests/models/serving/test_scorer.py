"""Scores: the same however rows are batched, finite whatever comes, of what is told to be."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.actions import ACTIONS
from models.behaviour.moment import INPUTS
from models.serving import Scorer, Scores, UnfitFeatures
from models.serving.scorer import CHUNK_ROWS, PROVIDER_TOLERANCE, cut
from models.serving.session import CPU, CUDA, Chunk, cuda_available
from tests.models.serving.releases import changed_manifest

Floats = npt.NDArray[np.float32]

ROWS = 700
SCORER = Scorer(cuda=False)


def features(rows: int, seed: int = 1) -> Floats:
    """Counts and seconds of every size, a few of them never."""
    random = np.random.default_rng(seed)
    drawn = random.lognormal(sigma=2.0, size=(rows, len(INPUTS)))
    return np.where(random.random(drawn.shape) < 0.1, -1.0, np.floor(drawn)).astype(np.float32)


def same(one: Scores, other: Scores) -> bool:
    """Equal to the last bit."""
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def part(scores: Scores, begin: int, end: int) -> Scores:
    """The scores of some rows."""
    return Scores(*(column[begin:end] for column in scores))


FEATURES = features(ROWS)
WHOLE = SCORER.score(FEATURES)


def test_scores_have_their_shapes() -> None:
    """Float32 of the documented widths, probabilities and values within 0-1, adjustments within -1 to 1."""
    assert [s.shape for s in WHOLE] == [
        (ROWS, 64),
        (ROWS,),
        (ROWS,),
        (ROWS, len(ACTIONS)),
        (ROWS, 5),
    ]
    assert {s.dtype for s in WHOLE} == {np.dtype(np.float32)}
    for scores in (WHOLE.abandonment, WHOLE.conversion, WHOLE.action_values):
        assert ((scores >= 0) & (scores <= 1)).all()
    assert (np.abs(WHOLE.adjustments) <= 1).all()


def test_rows_differ() -> None:
    """Each row is scored by its own features."""
    assert np.unique(WHOLE.embedding, axis=0).shape[0] == ROWS


@given(st.lists(st.integers(0, ROWS), max_size=12))
def test_splitting_changes_no_bit(cuts: list[int]) -> None:
    """However rows are split into calls, the scores of a row are the same to the last bit."""
    bounds = [0, *sorted(cuts), ROWS]
    for begin, end in pairwise(bounds):
        assert same(SCORER.score(FEATURES[begin:end]), part(WHOLE, begin, end))


@given(st.permutations(range(40)))
def test_neighbours_change_no_bit(order: list[int]) -> None:
    """A row's scores depend neither on its place nor on the rows beside it."""
    assert same(SCORER.score(FEATURES[order]), Scores(*(column[order] for column in WHOLE)))


def test_threads_change_no_more_than_is_said() -> None:
    """With several threads scores agree within the tolerance."""
    scores = Scorer(threads=2, cuda=False).score(FEATURES)
    assert all(np.abs(a - b).max() <= PROVIDER_TOLERANCE for a, b in zip(scores, WHOLE, strict=True))


def test_every_size_of_chunk_agrees_here() -> None:
    """Warm-up found no size and no place in which scores differ."""
    assert SCORER.chunk_rows == CHUNK_ROWS
    assert SCORER.exact


def test_scores_that_depend_on_their_place_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a row's scores depend on its place in a chunk, the scorer says that it is not exact."""
    scorer = Scorer(cuda=False)
    run = Chunk.run

    def off_in_the_first_row(chunk: Chunk, rows: Floats) -> dict[str, Floats]:
        outputs = dict(run(chunk, rows))
        outputs["embedding"] = outputs["embedding"].copy()
        outputs["embedding"][0] += 1
        return outputs

    monkeypatch.setattr(Chunk, "run", off_in_the_first_row)
    scorer.warm_up()
    assert not scorer.exact


def test_one_size_remains_where_sizes_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a size of chunk gives other bits, every row is run in chunks of the largest, and scores are the same."""
    scorer = Scorer(cuda=False)
    run = Chunk.run

    def off_by_a_bit(chunk: Chunk, rows: Floats) -> dict[str, Floats]:
        outputs = dict(run(chunk, rows))
        if chunk is scorer._chunks.get(64):
            outputs["conversion"] = np.nextafter(outputs["conversion"], np.float32(2))
        return outputs

    monkeypatch.setattr(Chunk, "run", off_by_a_bit)
    scorer.warm_up()
    assert scorer.chunk_rows == (256,)
    assert same(scorer.score(FEATURES), WHOLE)


@given(st.integers(0, 3_000))
def test_cuts_cover_every_row_once(n: int) -> None:
    """Cuts follow each other, cover all rows, and each fits its chunk and no smaller one."""
    at = 0
    for begin, end, rows in cut(n, CHUNK_ROWS):
        assert begin == at
        assert rows == min(size for size in CHUNK_ROWS if size >= end - begin)
        at = end
    assert at == n


def test_nothing_gives_nothing() -> None:
    """No rows give no scores, of the same widths."""
    assert [s.shape for s in SCORER.score(features(0))] == [(0, 64), (0,), (0,), (0, 22), (0, 5)]


@pytest.mark.parametrize("number", [0.0, -1.0, 1e9, 3.4e38, np.inf, -np.inf, -1e9])
def test_extreme_features_give_finite_scores(number: float) -> None:
    """Whatever number a feature is, every score is finite."""
    scores = SCORER.score(np.full((3, len(INPUTS)), number, np.float32))
    assert all(np.isfinite(column).all() for column in scores)


def test_beyond_the_bounds_counts_as_the_bound() -> None:
    """An infinite feature is scored as the highest that the graph takes, and one below never as never."""
    high, infinite, low, never = (
        SCORER.score(np.full((1, len(INPUTS)), number, np.float32)) for number in (1e9, np.inf, -np.inf, -1.0)
    )
    assert same(high, infinite)
    assert same(low, never)


def test_inputs_that_never_varied_in_training_have_no_effect() -> None:
    """The features that the manifest lists as ignored change no score."""
    places = [place for place, feature in enumerate(INPUTS) if feature.name in SCORER.manifest.ignored]
    other = FEATURES.copy()
    other[:, places] += 1000
    assert places
    assert same(SCORER.score(other), WHOLE)


def test_nan_is_refused_by_place() -> None:
    """NaN is no feature: the message names its row and the feature."""
    broken = features(40)
    broken[33, 7] = np.nan
    with pytest.raises(UnfitFeatures, match=f"row 33, feature {INPUTS[7].name}"):
        SCORER.score(broken)


@pytest.mark.parametrize("wrong", [np.zeros((2, 127), np.float32), np.zeros(128, np.float32), np.zeros((2, 128))])
def test_other_shapes_and_types_are_refused(wrong: Floats) -> None:
    """Another width, a single row without its axis, float64."""
    with pytest.raises(UnfitFeatures, match=r"expected float32\[n, 128\]"):
        SCORER.score(wrong)


def test_features_need_not_lie_in_memory_one_after_another() -> None:
    """A view with strides is scored as its copy."""
    wide = np.repeat(FEATURES, 2, axis=1)
    assert same(SCORER.score(wide[:, ::2]), WHOLE)


def test_inputs_are_found_by_name(tmp_path: Path) -> None:
    """A model that lists its inputs in another order gets the columns it names."""
    folder = changed_manifest(tmp_path, lambda m: m["inputs"].reverse())
    assert same(Scorer(folder, cuda=False).score(FEATURES[:, ::-1]), WHOLE)


def test_the_provider_is_told() -> None:
    """A scorer says what runs it, and whether that is not what was asked for."""
    assert (SCORER.provider, SCORER.fell_back) == (CPU, False)
    asked = Scorer(cuda=True)
    assert asked.fell_back == (asked.provider != CUDA)
    assert cuda_available() or (asked.provider, asked.fell_back) == (CPU, True)
    assert not (Scorer().fell_back and not cuda_available())


def test_scores_are_copies() -> None:
    """What one call returned is not overwritten by the next."""
    first = SCORER.score(FEATURES[:20])
    SCORER.score(FEATURES[20:40])
    assert same(first, part(WHOLE, 0, 20))
