"""The form of a block: all keys and values of a state as one Arrow record batch, whose metadata say whose it is."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from topics.errors import RestoreFailed
from topics.state.base import PartitionedState

METADATA_PREFIX = "lamstream."
KIND = METADATA_PREFIX + "state"
NAME = METADATA_PREFIX + "name"
KEY_FIELD = pa.field("key", pa.string(), nullable=False)

BEGIN_ANEW = "throw the snapshot away: the whole changelog rebuilds the state"


def new_block(kind: str, name: str, columns: Mapping[pa.Field, pa.Array], **further: str) -> pa.RecordBatch:
    """A block of these columns, whose first is `key`; `further` is metadata of the kind's own."""
    metadata = {KIND: kind, NAME: name} | {METADATA_PREFIX + key: value for key, value in further.items()}
    schema = pa.schema(list(columns), metadata=metadata)
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=schema)


def metadata_of(block: pa.RecordBatch, kind: str, name: str) -> dict[str, str]:
    """A block's metadata without the prefix.

    Raises RestoreFailed where the block is another state's.
    """
    found = {key.decode(): value.decode(errors="replace") for key, value in (block.schema.metadata or {}).items()}
    whose = f"{found.get(KIND)} of {found.get(NAME)}"
    if whose != f"{kind} of {name}":
        raise RestoreFailed(f"state {name}: a block is of {whose}, expected {kind} of {name}; {BEGIN_ANEW}")
    return {key.removeprefix(METADATA_PREFIX): value for key, value in found.items() if key.startswith(METADATA_PREFIX)}


def refuse_other_columns(block: pa.RecordBatch, name: str, fields: list[pa.Field]) -> None:
    """Raises RestoreFailed where the columns are not those fields, or hold nulls that a field does not admit."""
    found = {field.name: field.type for field in block.schema}
    expected = {field.name: field.type for field in fields}
    if found != expected:
        raise RestoreFailed(f"state {name}: a block has columns {found}, expected {expected}; {BEGIN_ANEW}")
    for field in fields:
        if not field.nullable and block.column(field.name).null_count:
            raise RestoreFailed(f"state {name}: column {field.name} of a block has nulls; {BEGIN_ANEW}")


def refuse_repeated_keys(found: int, expected: int, name: str) -> None:
    """Raises RestoreFailed where a state has fewer keys after a block than keys were in both."""
    if found != expected:
        raise RestoreFailed(
            f"state {name}: a block brought keys that are in it twice or were there before, expected {expected} keys, "
            f"found {found}; {BEGIN_ANEW}"
        )


def refuse_open_span(state: PartitionedState, name: str) -> None:
    """Raises RuntimeError where a span is open."""
    if state.changed:
        raise RuntimeError(f"state {name}: a block was asked for inside a span; ask after `keep` or `take_back`")
