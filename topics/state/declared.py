"""How a state of records is declared: like a `RowLayout`, a name and what its values are."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from schemas.record_type import record_type
from schemas.row_layout import RowLayout
from schemas.store import SchemaStore
from topics.state.column import ColumnState
from topics.state.record import RecordState


class RecordLayout(NamedTuple):
    """A state of Avro records of the record type `record`; `due` names the field that its `due()` goes by."""

    name: str
    record: str
    due: str | None = None


StateLayout: TypeAlias = "RowLayout | RecordLayout"


def empty_state(layout: StateLayout, store: SchemaStore) -> ColumnState | RecordState:
    """A state of that layout without keys; `store` has the schemas that its records may be written with."""
    if isinstance(layout, RowLayout):
        return ColumnState(layout)
    return RecordState(record_type(layout.record), store, layout.due)
