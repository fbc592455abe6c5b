"""Releases for tests: copies of the one that comes with the package, changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.serving import default_release

Change = Callable[[dict[str, Any]], object]


def changed_manifest(folder: Path, change: Change) -> Path:
    """A copy of the default release in `folder`, its manifest changed."""
    copy = Path(shutil.copytree(default_release(), folder / "release"))
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    return copy


def changed_model(folder: Path, old: bytes, new: bytes) -> Path:
    """A copy whose model has `new` for `old`, of one length, and a manifest that fits it."""
    assert len(old) == len(new)
    model = (default_release() / "model.onnx").read_bytes()
    assert old in model
    model = model.replace(old, new)
    copy = changed_manifest(folder, lambda m: m.update(sha256=hashlib.sha256(model).hexdigest()))
    (copy / "model.onnx").write_bytes(model)
    return copy
