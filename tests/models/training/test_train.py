"""Training from visits to a release."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from typer.testing import CliRunner

from models.actions import ACTION_CODE, ACTIONS, NO_OP
from models.behaviour.moment import INPUTS
from models.serving import Scorer
from models.serving.manifest import read_manifest
from models.serving.scorer import WIDTHS
from models.shop.effects import true_effect
from models.training.examples import Told
from models.training.graph import OPSET, scorer_graph
from models.training.network import HIDDEN, PACKED, Layer, Learning, Table, train
from models.training.normalization import FURTHEST, normalization
from models.training.scorer import Made, Source, train_scorer
from services.cli import cli
from services.training import Hours
from tests.models.training.shop import simulated, simulated_examples

MADE = Made(datetime(2026, 1, 1, tzinfo=timezone.utc), "test", "lam train scorer")
QUICK = Learning(epochs=2)
LONGER = Hours(hours=0.1, visits_per_minute=200.0)
TOLERANCE = 1e-5
"""Of torch against onnxruntime: the same sums in another order."""


def trained(out: Path, seed: int = 1) -> Path:
    """A release trained quickly on a few visits."""
    return train_scorer(Source(simulated(), "A test", true_effect=true_effect), seed, out, MADE, QUICK)


def test_training_makes_a_release_that_scores(tmp_path: Path) -> None:
    """The release loads, scores, says that it is shadow and simulated, and takes the next version."""
    folder = trained(tmp_path)
    assert folder == tmp_path / "scorer" / "1"
    scorer = Scorer(folder, cuda=False)
    manifest = scorer.manifest
    assert (manifest.level, manifest.adjustment_bound) == ("shadow", 0.0)
    assert manifest.training_data.visits == simulated_examples().visit.max() + 1
    assert all(0 <= manifest.metrics[f"{name}_auc"] <= 1 for name in ("abandonment", "conversion"))
    assert not next(gate for gate in manifest.gates if gate.name == "real_sessions").passed
    card = (folder / "card.md").read_text()
    assert card.startswith("# scorer 1")
    assert MADE.command in card
    assert trained(tmp_path) == tmp_path / "scorer" / "2"


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """The same visits and seed give the same release to the last byte, another seed another model."""
    one, same, other = (trained(tmp_path / str(place), seed) for place, seed in enumerate((1, 1, 2)))
    for file in ("model.onnx", "manifest.json", "card.md"):
        assert (one / file).read_bytes() == (same / file).read_bytes()
    assert (one / "model.onnx").read_bytes() != (other / "model.onnx").read_bytes()


def test_learning_is_better_than_guessing(tmp_path: Path) -> None:
    """Enough epochs on some hundred visits put chances before the base rate and rewards before their mean."""
    folder = train_scorer(Source(simulated(LONGER), "A test"), 1, tmp_path, MADE)
    metrics = read_manifest(folder).metrics
    for name in ("abandonment", "conversion"):
        assert metrics[f"{name}_log_loss"] < metrics[f"{name}_log_loss_of_base_rate"]
        assert metrics[f"{name}_auc"] > 0.6
    assert metrics["reward_rmse"] < metrics["reward_rmse_of_mean"]


def test_too_few_visits_are_refused(tmp_path: Path) -> None:
    """Two visits cannot be learned from, stopped by and judged on."""
    few = [two_visits()]
    with pytest.raises(ValueError, match="found 2 visits"):
        train_scorer(Source(few, "A test"), 1, tmp_path, MADE)


def two_visits() -> Told:
    """What is told of the first two visits that closed."""
    told = simulated()
    decisions = [decision for one in told for decision in one.decisions]
    seen = {(decision["session_id"], decision["visit_started_at"]) for decision in decisions}
    ended = [ending for one in told for ending in one.endings if (ending.session_id, ending.visit_started_at) in seen]
    return Told(decisions, [], ended[:2])


def table(actions: list[int], rewards: list[float], weights: list[float]) -> Table:
    """Rows of one and the same visit."""
    n = len(actions)
    return Table(
        np.ones((n, len(INPUTS)), np.float32),
        np.zeros((n, 2), np.float32),
        np.array(actions),
        np.array(rewards, np.float32),
        np.array(weights, np.float32),
    )


def learned_values(rows: Table) -> npt.NDArray[np.float64]:
    """The 22 action values of that visit after some epochs."""
    layers = train(rows, rows, 1, Learning(epochs=30, rate=1e-2, patience=30), lambda epoch, loss: None)
    flow = rows.inputs[:1].astype(np.float64)
    for number, layer in enumerate(layers, 1):
        flow = flow @ layer.weight + layer.bias
        flow = np.maximum(flow, 0) if number < len(layers) else flow
    values: npt.NDArray[np.float64] = 1 / (1 + np.exp(-flow[0, -len(ACTIONS) :]))
    return values


def test_only_what_was_drawn_moves_an_actions_value() -> None:
    """An action that earned more is worth more; all that were never drawn have one value, that of the visit."""
    good, bad = ACTION_CODE["nudge_suggestion"], ACTION_CODE[NO_OP]
    values = learned_values(table([good, bad] * 50, [0.8, 0.2] * 50, [1.0] * 100))
    undrawn = np.delete(values, [good, bad])
    assert values[good] > undrawn[0] + 0.1
    assert values[bad] < undrawn[0] - 0.1
    assert np.ptp(undrawn) < TOLERANCE


def test_rewards_without_weight_do_not_count() -> None:
    """What was not drawn teaches nothing, whatever stands in its place."""
    action = ACTION_CODE[NO_OP]
    one, other = (learned_values(table([action] * 10, [0.3] * 5 + [x] * 5, [1.0] * 5 + [0.0] * 5)) for x in (0.0, 1.0))
    assert one == pytest.approx(other, abs=TOLERANCE)


def random_layers() -> list[Layer]:
    """Layers of the network's widths."""
    random = np.random.default_rng(1)
    widths = (len(INPUTS), *HIDDEN, sum(WIDTHS.values()))
    return [
        Layer((random.normal(size=(a, b)) / np.sqrt(a)).astype(np.float32), random.normal(size=b).astype(np.float32))
        for a, b in pairwise(widths)
    ]


def test_the_graph_computes_what_the_network_does(tmp_path: Path) -> None:
    """Normalization, layers and heads in ONNX give torch's numbers."""
    features = simulated_examples().features
    normalized, layers = normalization(features), random_layers()
    flow = torch.from_numpy(normalized.apply(features))
    for number, layer in enumerate(layers, 1):
        flow = flow @ torch.from_numpy(layer.weight) + torch.from_numpy(layer.bias)
        flow = flow.relu() if number < len(layers) else flow
    expected = dict(zip(PACKED, flow.split([WIDTHS[name] for name in PACKED], dim=1), strict=True))
    expected = {name: part if name == "embedding" else part.sigmoid() for name, part in expected.items()} | {
        "adjustments": expected["adjustments"].clamp(-1, 1)
    }
    folder = trained(tmp_path)
    _replace_model(folder, scorer_graph(normalized, layers))
    scores = Scorer(folder, cuda=False).score(features)
    for name, part in expected.items():
        assert np.abs(getattr(scores, name).reshape(part.shape) - part.numpy()).max() < TOLERANCE, name


def _replace_model(folder: Path, model: bytes) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) | {"sha256": hashlib.sha256(model).hexdigest()}
    path.write_text(json.dumps(manifest))
    (folder / "model.onnx").write_bytes(model)


def test_the_graph_names_nothing_of_the_machine() -> None:
    """One file of stable operators, without external data, documentation or metadata."""
    model = onnx.load_from_string(scorer_graph(normalization(simulated_examples().features), random_layers()))
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]
    assert not model.metadata_props
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
    assert not any(onnx.external_data_helper.uses_external_data(t) for t in model.graph.initializer)


def test_normalized_inputs_have_one_scale() -> None:
    """Mean 0 and standard deviation 1 where an input varies, 0 where it does not, and never is not zero."""
    features = simulated_examples().features
    normalized = normalization(features)
    applied = normalized.apply(features)
    varies = normalized.scale > 0
    inner = np.abs(applied).max(axis=0) < FURTHEST
    assert np.abs(applied[:, varies & inner].mean(axis=0)).max() < 1e-3
    assert np.abs(applied[:, varies & inner].std(axis=0) - 1).max() < 1e-3
    assert (applied[:, ~varies] == 0).all()
    assert set(normalized.ignored) == {f.name for f, v in zip(INPUTS, varies, strict=True) if not v}


def test_the_command_trains(tmp_path: Path) -> None:
    """`lam train scorer --json` writes a release and tells its figures."""
    options = ["--hours", "0.05", "--visits-per-minute", "60"]
    done = CliRunner().invoke(cli, ["train", "scorer", *options, "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    manifest = read_manifest(Path(told["release"]))
    assert manifest.metrics == told["metrics"]
    assert manifest.command == "lam train scorer --hours 0.05 --visits-per-minute 60 --sample-rate 0.1 --seed 1"
