"""Releases: what is refused and how it is told, and what comes with the package."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from models.actions import ACTIONS, NO_OP, TIER_OF_ACTION
from models.behaviour.moment import INPUTS
from models.serving import ModelRefused, Scorer, default_release
from models.serving.manifest import read_manifest
from models.serving.release import numbered_versions, read_release
from schemas.vocabulary import TIERS
from tests.models.serving.releases import Change, changed_manifest, changed_model


def test_there_are_22_actions_by_rising_tier() -> None:
    """6 passive, 6 nudge, 5 active, 4 escalate, then no_op; each is named after its tier."""
    tiers = [TIER_OF_ACTION[action] for action in ACTIONS[:-1]]
    assert [tiers.count(tier) for tier in range(len(TIERS))] == [0, 6, 6, 5, 4]
    assert tiers == sorted(tiers)
    assert all(action.startswith(f"{TIERS[TIER_OF_ACTION[action]].lower()}_") for action in ACTIONS[:-1])
    assert ACTIONS[-1] == NO_OP
    assert len(set(ACTIONS)) == 22


def test_the_release_of_the_package_fits() -> None:
    """The newest release is whole, shadow with bound 0, small, and past its gates but for real sessions."""
    folder = default_release()
    release = read_release(folder)
    manifest = release.manifest
    assert (manifest.name, manifest.version) == (folder.parent.name, folder.name)
    assert (manifest.level, manifest.adjustment_bound) == ("shadow", 0.0)
    assert manifest.sha256 == hashlib.sha256(release.model).hexdigest()
    assert [(needed.name, needed.definition_hash) for needed in manifest.inputs] == [
        (feature.name, feature.definition_hash) for feature in INPUTS
    ]
    assert manifest.actions == ACTIONS
    assert len(release.model) < 1_000_000
    assert [gate.name for gate in manifest.gates if not gate.passed] == ["real_sessions"]
    assert manifest.training_data.simulated
    assert {path.name for path in folder.iterdir()} == {"model.onnx", "manifest.json", "card.md"}


def test_the_card_says_what_the_manifest_says() -> None:
    """Simulated data, the level, and the figures are in the card."""
    manifest = read_manifest(default_release())
    card = (default_release() / "card.md").read_text()
    assert "Simulated visits only" in card
    assert f"Level {manifest.level}, adjustment bound" in card
    assert f"{manifest.metrics['conversion_auc']:.3f}" in card
    assert f"{manifest.training_data.visits:,} visits" in card


def test_versions_rise_as_numbers(tmp_path: Path) -> None:
    """10 comes after 9, and what is no number is no version."""
    for name in ("9", "10", "draft"):
        (tmp_path / name).mkdir()
    assert numbered_versions(tmp_path) == [9, 10]
    assert numbered_versions(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: m["inputs"][3].update(definition_hash="0" * 64), f"another definition: {INPUTS[3].name};"),
        (lambda m: m["inputs"][3].update(name="mood"), "needs are missing: mood;"),
        (lambda m: m.update(sha256="0" * 64), f"its manifest says {'0' * 64}"),
        (lambda m: m["actions"].reverse(), "its actions are not those of models.actions: their order;"),
        (lambda m: m["actions"].append("dance"), "its actions are not those of models.actions: dance;"),
        (lambda m: m.pop("sha256"), "sha256: Field required"),
        (lambda m: m["inputs"].pop(), "expected features float32[n, 127]"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, change: Change, told: str) -> None:
    """A changed or missing feature, another file, other actions, an incomplete manifest, other widths."""
    folder = changed_manifest(tmp_path, change)
    with pytest.raises(ModelRefused) as refused:
        Scorer(folder)
    assert told in str(refused.value)


def test_all_reasons_are_told_at_once(tmp_path: Path) -> None:
    """A release with two changed features and another file names all three."""

    def spoil(manifest: dict[str, list[dict[str, str]]]) -> None:
        for place in (0, 5):
            manifest["inputs"][place]["definition_hash"] = "0" * 64

    folder = changed_manifest(tmp_path, spoil)
    (folder / "model.onnx").write_bytes(b"")
    with pytest.raises(ModelRefused, match=f"SHA-256.*{INPUTS[0].name}, {INPUTS[5].name}"):
        Scorer(folder)


def test_other_outputs_are_refused(tmp_path: Path) -> None:
    """A graph whose output has another name is refused, and the message names what was found and expected."""
    folder = changed_model(tmp_path, b"conversion", b"completion")
    with pytest.raises(ModelRefused, match=r"completion.*expected embedding float32\[n, 64\].*conversion"):
        Scorer(folder)


def test_what_onnxruntime_cannot_load_is_refused(tmp_path: Path) -> None:
    """A graph with an operator that is not there is refused as a model, not as a crash."""
    with pytest.raises(ModelRefused, match="cannot load the model"):
        Scorer(changed_model(tmp_path, b"Sigmoid", b"Sigmoit"))


@pytest.mark.parametrize("missing", ["model.onnx", "manifest.json"])
def test_an_incomplete_folder_is_refused(tmp_path: Path, missing: str) -> None:
    """The message names the file that is missing."""
    folder = changed_manifest(tmp_path, lambda m: None)
    (folder / missing).unlink()
    with pytest.raises(ModelRefused, match=f"{missing} cannot be read"):
        Scorer(folder)


def test_a_model_without_release_is_refused() -> None:
    """Asking for a model that never came says how to make one."""
    with pytest.raises(ModelRefused, match="run `lam train dreamer`"):
        default_release("dreamer")


def test_what_a_later_manifest_adds_is_passed_over(tmp_path: Path) -> None:
    """A worker rolled back reads a manifest with fields it does not know."""
    assert read_manifest(changed_manifest(tmp_path, lambda m: m.update(novelty=1))).name == "scorer"
