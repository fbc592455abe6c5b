"""A release on disk, `<name>/<version>/{model.onnx,manifest.json,card.md}`, read and checked before it is served."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from models.actions import ACTIONS
from models.behaviour.features import Feature
from models.behaviour.moment import INPUTS
from models.serving.errors import ModelRefused
from models.serving.manifest import RELEASE_SHAPE, Manifest, read_manifest

MODEL_FILE = "model.onnx"
CARD_FILE = "card.md"
RELEASES = Path(__file__).parent / "releases"
"""The releases that come with the package."""


class Release(NamedTuple):
    """A release that fits this code: its manifest, and its graph as bytes."""

    manifest: Manifest
    model: bytes


def default_release(name: str = "scorer") -> Path:
    """The folder of the newest release of a model that comes with the package.

    Raises ModelRefused where there is none.
    """
    versions = numbered_versions(RELEASES / name)
    if not versions:
        raise ModelRefused(f"found no release in {RELEASES / name}; expected {RELEASE_SHAPE}: run `lam train {name}`")
    return RELEASES / name / str(versions[-1])


def numbered_versions(folder: Path) -> list[int]:
    """The versions in a model's folder, rising; none where the folder is not there."""
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdecimal())


def read_release(folder: Path, features: Sequence[Feature] = INPUTS) -> Release:
    """The release in a folder, if `features` and actions are what it was made with.

    Raises ModelRefused naming everything that does not fit.
    """
    manifest = read_manifest(folder)
    try:
        model = (folder / MODEL_FILE).read_bytes()
    except OSError as problem:
        raise ModelRefused(f"{folder / MODEL_FILE} cannot be read ({problem}); expected {RELEASE_SHAPE}") from None
    reasons = [*_of_the_file(manifest, model), *_of_the_features(manifest, features), *_of_the_actions(manifest)]
    if reasons:
        raise ModelRefused(f"release {folder} is refused: " + "; ".join(reasons))
    return Release(manifest, model)


def _of_the_file(manifest: Manifest, model: bytes) -> Iterator[str]:
    found = hashlib.sha256(model).hexdigest()
    if found != manifest.sha256:
        yield (
            f"{MODEL_FILE} has SHA-256 {found}, its manifest says {manifest.sha256}: copy the release again, one of "
            "the two is not what was released"
        )


def _of_the_features(manifest: Manifest, features: Sequence[Feature]) -> Iterator[str]:
    declared = {feature.name: feature.definition_hash for feature in features}
    missing = [needed.name for needed in manifest.inputs if needed.name not in declared]
    changed = [
        needed.name
        for needed in manifest.inputs
        if declared.get(needed.name, needed.definition_hash) != needed.definition_hash
    ]
    advice = "train it again, or run the code it was made with"
    if missing:
        yield f"features it needs are missing: {', '.join(missing)}; {advice}"
    if changed:
        yield f"features it needs have another definition: {', '.join(changed)}; {advice}"


def _of_the_actions(manifest: Manifest) -> Iterator[str]:
    if manifest.actions != ACTIONS:
        differing = sorted(set(manifest.actions).symmetric_difference(ACTIONS)) or ["their order"]
        yield f"its actions are not those of models.actions: {', '.join(differing)}; train it again"
