"""The Faust app of a worker, configured from the environment."""

from __future__ import annotations

from agents.metrics import AgentMetrics
from topics.settings import load_settings
from topics.transport.app import StreamApp

app = StreamApp(load_settings())
app.metrics = AgentMetrics(app.meter.registry).apply
