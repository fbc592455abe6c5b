"""What a release says of its model: what it reads and answers, what it was made of, and how good it is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from models.serving.errors import ModelRefused

MANIFEST_FILE = "manifest.json"


class _Part(BaseModel):
    # What a later version adds is passed over, so that a worker rolled back still reads it.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Input(_Part):
    """A feature the model reads, by name and definition (models.behaviour.features.Feature)."""

    name: str
    definition_hash: str


class TrainingData(_Part):
    """What the model was trained on; `simulated` where no visitor was real."""

    description: str
    simulated: bool
    visits: int
    rows: int
    real_sessions: int


class Gate(_Part):
    """A condition on the artefact: `value` against `bound`, and whether it held."""

    name: str
    value: float
    bound: str
    passed: bool


class Manifest(_Part):
    """The manifest of a release.

    level: of autonomy (DOMAIN 8). adjustment_bound: how many points, 0-100, the model may move a signal by. inputs:
    in the order of the graph's columns. actions: in the order of the action values. ignored: inputs that never varied
    in training and so have no weight. command: what makes it again. sha256: of model.onnx.
    """

    name: str
    version: str
    created: datetime
    level: str
    adjustment_bound: float
    inputs: tuple[Input, ...]
    ignored: tuple[str, ...]
    actions: tuple[str, ...]
    normalization: str
    training_data: TrainingData
    seed: int
    code_version: str
    command: str
    metrics: dict[str, float]
    gates: tuple[Gate, ...]
    sha256: str

    def write(self, folder: Path) -> None:
        """Write it into the folder of its release."""
        (folder / MANIFEST_FILE).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a release's folder. Raises ModelRefused where there is none or it does not fit."""
    path = folder / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise ModelRefused(f"{path} cannot be read ({problem}); expected a release: {RELEASE_SHAPE}") from None
    except ValidationError as problem:
        found = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in problem.errors())
        raise ModelRefused(f"{path} is no manifest: {found}; write the release again") from None


RELEASE_SHAPE = f"<name>/<version>/ with model.onnx, {MANIFEST_FILE} and card.md"
