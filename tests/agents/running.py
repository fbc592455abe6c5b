"""One agent's body in an app of its own, on either broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from services.publishing import Publisher
from tests.topics.engine import Engine
from topics.settings import Settings
from topics.state.base import PartitionedState
from topics.transport.app import StateHandle, StreamApp
from topics.transport.batch import RecordBatch, Unit

StateT = TypeVar("StateT", bound=PartitionedState)


@asynccontextmanager
async def agent_running(
    settings: Settings,
    group: str,
    declare: Callable[[StreamApp], StateHandle[StateT]],
    body: Callable[[StateT, RecordBatch, Unit], None],
) -> AsyncIterator[Engine]:
    """An app whose one agent reads `group` and handles each batch with `body` and the state that `declare` made."""
    app = StreamApp(settings)
    state = declare(app)
    engine = Engine(app, cast(Any, state), cast(Any, state))

    @app.agent(app.group(group))
    async def agent(batches: Any) -> None:
        async for batch in batches:
            with batch.unit() as unit:
                body(state.of(batch), batch, unit)
            engine.note(batch)

    await app.start()
    try:
        yield engine
    finally:
        await app.stop()


def send(settings: Settings, topic: str, records: list[dict[str, Any]]) -> None:
    """Publish records as another agent's would lie there."""
    publisher = Publisher(settings, topic)
    for record in records:
        publisher.publish(record)
    publisher.flush()
