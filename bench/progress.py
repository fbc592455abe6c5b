"""Progress of what takes long, beside what it prints at its end."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)
