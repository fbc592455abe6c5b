"""What every partitioned state can do: change within a span, tell what changed, keep it or take it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Changes(NamedTuple):
    """Changelog records of one span: keys, and their values (None deletes the key)."""

    keys: list[str]
    values: list[bytes | None]


class PartitionedState(Protocol):
    """The state of one partition.

    A *span* is what happens between two commits. Whatever it touches has a pre-image until `keep` or `take_back`.
    """

    @property
    def changed(self) -> bool:
        """Whether the open span touched anything."""

    def changes(self) -> Changes:
        """What the open span changed, as changelog records: the last value of each key."""

    def keep(self) -> None:
        """The span committed: pre-images go."""

    def take_back(self) -> None:
        """The span failed: every touched row is again what it was."""

    def load(self, keys: Sequence[str], values: Sequence[bytes | None]) -> None:
        """Take changelog records, in order, while restoring.

        Raises RestoreFailed for a value this state cannot read.
        """

    @property
    def memory_bytes(self) -> int:
        """Bytes held for rows and keys, estimated."""

    def __len__(self) -> int:
        """Number of keys."""
