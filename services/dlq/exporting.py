"""Dead letters as files, so that they can be looked at elsewhere: JSON lines, or a folder of one pair each."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from services.dlq.letters import Letter
from services.dlq.summary import told_whole
from topics.errors import ConfigurationError

JSON_LINES = ".jsonl"
UNFINISHED = ".unfinished"


def export(letters: Iterable[Letter], out: Path) -> int:
    """Write the letters to a new file of JSON lines where `out` ends in .jsonl, else into a folder; returns how many.

    A folder gets for each letter `<topic>-<partition>-<offset>.json`, and beside it `.bin`: the value as it is. Raises
    ConfigurationError where the file is there already, or nothing can be written.
    """
    try:
        return _to_file(letters, out) if out.suffix == JSON_LINES else _to_folder(letters, out)
    except OSError as problem:
        raise ConfigurationError(
            f"{problem.filename or out} cannot be written: {problem.strerror}; name a new file ending in {JSON_LINES}, "
            "or a folder"
        ) from problem


def write_lines(letters: Iterable[Letter], file: TextIO) -> int:
    """Write each letter as one line of JSON; returns how many."""
    written = 0
    for letter in letters:
        file.write(json.dumps(told_whole(letter)) + "\n")
        written += 1
    return written


def _to_file(letters: Iterable[Letter], out: Path) -> int:
    if out.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(out))
    # Whole or not there: a file that ends in the middle looks like one with fewer letters.
    unfinished = out.with_suffix(UNFINISHED)
    with unfinished.open("w") as file:
        written = write_lines(letters, file)
    os.replace(unfinished, out)
    return written


def _to_folder(letters: Iterable[Letter], out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    written = 0
    for letter in letters:
        name = "-".join(map(str, letter.place))
        (out / f"{name}.json").write_text(json.dumps(told_whole(letter), indent=2) + "\n")
        if letter.value is not None:
            (out / f"{name}.bin").write_bytes(letter.value)
        written += 1
    return written
