"""What every partitioned state can do: change within a span, tell what changed, keep it or take it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import pyarrow as pa

RESERVED = "\x00"
"""What no record key of a producer may begin with."""

LAYOUT_KEY_PREFIX = RESERVED + "layout/"
"""What a changelog key begins with whose record describes a layout of rows; the layout's hex id follows."""


class Changes(NamedTuple):
    """Changelog records of one span: keys, and their values (None deletes the key).

    What `load` needs to know before it can read them comes first, under reserved keys.
    """

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
        """Take changelog records, in order, while restoring; of reserved keys, those of layouts alone.

        Raises RestoreFailed for a value this state cannot read.
        """

    def block(self) -> pa.RecordBatch:
        """Every key and its value, in any order: a copy that another thread may write while this state goes on.

        The first column is `key`, the rest and the metadata of the schema are the state's own; Arrow's IPC formats keep
        all of it. Raises RuntimeError inside a span: what would be copied may yet be taken back.
        """

    def load_block(self, block: pa.RecordBatch) -> None:
        """Take a block, or slices of one in any order, into an empty state; changelog records may follow.

        Nothing of the block is referred to afterwards. Raises RestoreFailed for a block this state cannot read; it may
        have taken part of it then, and must be thrown away.
        """

    @property
    def memory_bytes(self) -> int:
        """Bytes held for rows and keys, estimated."""

    def __len__(self) -> int:
        """Number of keys."""
