"""What the system tests broke and found, summed over all of them: the one line at the end of `make test-system`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.system.crew import Faults
from tests.system.verdict import Verdict

VARIABLE = "LAM_TALLY"
"""Names the file."""


class Amount(NamedTuple):
    """How much was tried."""

    kills: int
    points: int
    records: int


LEAST = {
    "full": Amount(60, 12, 1_000_000),
    "short": Amount(0, 0, 0),
    "cut": Amount(6, 4, 100_000),
}
"""What must have been tried, by form. The short form comes to its end, or says what it skipped and why; where it was
`cut` when its time was over, its first test, the rotation, must have ended, or it hangs.
"""


@dataclass
class Tally:
    """Kills, named points at which they happened, records of input verified, and what was lost or told twice."""

    kills: int = 0
    points: set[str] = field(default_factory=set)
    records: int = 0
    lost: int = 0
    duplicated: int = 0

    def add(self, faults: Faults, verdict: Verdict) -> None:
        """Take in a run."""
        self.kills += faults.kills.total()
        self.points |= faults.points
        self.records += verdict.records
        self.lost += verdict.lost.total()
        self.duplicated += verdict.duplicated.total()

    def write(self) -> None:
        """Put it into the file that the environment names."""
        if target := os.environ.get(VARIABLE):
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            Path(target).write_text(json.dumps(vars(self) | {"points": len(self.points)}))


def main(form: str) -> int:
    """Print the line; 1 where it says that something was lost or told twice, or that too little was tried."""
    target = Path(os.environ[VARIABLE])
    if not target.exists():
        print(f"no tally was written to {target}: did the tests run?", file=sys.stderr)
        return 1
    tally = json.loads(target.read_text())
    least = LEAST[form]
    enough = all(tally[name] >= amount for name, amount in least._asdict().items())
    if not enough:
        print(f"too little was tried; expected at least {least}", file=sys.stderr)
    print(json.dumps(tally, separators=(",", ":")))
    return int(bool(tally["lost"] or tally["duplicated"]) or not enough)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("form", choices=LEAST)
    sys.exit(main(parser.parse_args().form))
