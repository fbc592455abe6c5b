"""The scorer's newest release as files: what it says of itself, and the order of its inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RELEASES = Path(__file__).parents[2] / "models" / "serving" / "releases" / "scorer"
FOLDER = max((one for one in RELEASES.iterdir() if one.name.isdecimal()), key=lambda one: int(one.name))
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())
INPUTS: tuple[str, ...] = tuple(one["name"] for one in MANIFEST["inputs"])
"""The scorer's inputs, in its order."""
