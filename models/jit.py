"""The one way to compile a function of `models` with Numba, and where the machine code is kept.

Numba looks at the file of a cached function alone, so that a kernel would keep the old code of the helpers and the
constants it took from other modules. The cache therefore lies in a folder named after the content of all sources.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])
Record = Any
"""A structured row inside a kernel, passed by reference."""

# Without Numba's runtime no array's references are counted at every call; kernels allocate nothing in return.
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
_CONFIG: Any = numba.config
_SOURCE_SUFFIXES = (".py", ".avsc")
_DIGEST_CHARACTERS = 16


def njit(function: Function) -> Function:
    """Compile at the first call, without the interpreter lock, keeping the machine code on disk; strict IEEE floats."""
    with _cache_in(_cache_folder()):
        compiled: Function = numba.njit(**_OPTIONS)(function)
    return compiled


@cache
def _cache_folder() -> str:
    root = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for folder in (root, root.parent / "schemas"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in _SOURCE_SUFFIXES:
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return str(_cache_base(root) / f"kernels-{digest.hexdigest()[:_DIGEST_CHARACTERS]}")


def _cache_base(root: Path) -> Path:
    if _CONFIG.CACHE_DIR:
        return Path(_CONFIG.CACHE_DIR)
    if os.access(root, os.W_OK):
        return root / "__pycache__"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lamstream"


@contextmanager
def _cache_in(folder: str) -> Iterator[None]:
    before = _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = folder
    try:
        yield
    finally:
        _CONFIG.CACHE_DIR = before
