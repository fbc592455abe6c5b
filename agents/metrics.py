"""Every metric of the agents, declared with its meaning. What a unit counts arrives here once its span is committed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Gauge

from topics.errors import ConfigurationError
from topics.metrics import Declared

PREFIX = "lamstream_"
SUFFIXES = ("_total", "_info")

AGENT_METRICS: tuple[Declared, ...] = (
    Declared("lamstream_evaluations_total", "counter", "Evaluations of sessions."),
    Declared("lamstream_decisions_total", "counter", "Decisions, by tier and what came of them.", ("tier", "result")),
    Declared("lamstream_suppressed_total", "counter", "Evaluations without a decision, by reason.", ("reason",)),
    Declared(
        "lamstream_gate_total", "counter", "Decisions that a condition of a gate held back.", ("gate", "condition")
    ),
    Declared("lamstream_actions_total", "counter", "Actions chosen.", ("action",)),
    Declared(
        "lamstream_rewards_total", "counter", "Rewards of decisions: joined, defaulted, cut or late.", ("outcome",)
    ),
    Declared("lamstream_tuples_total", "counter", "Training tuples made: first, amended or final.", ("revision",)),
    Declared("lamstream_scored_total", "counter", "Sessions scored by a model."),
    Declared(
        "lamstream_scorer_info", "gauge", "1, with the model that scores and what it runs on.", ("version", "provider")
    ),
    Declared("lamstream_scoring_seconds_total", "counter", "Seconds spent scoring."),
)

VALUES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "outcome": frozenset({"joined", "defaulted", "cut", "late"}),
        "revision": frozenset({"first", "amended", "final"}),
    }
)
"""Labels that admit these values alone."""


def short_name(metric: Declared) -> str:
    """The name by which a unit counts: `lamstream_decisions_total` is `decisions`."""
    name = metric.name.removeprefix(PREFIX)
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


class AgentMetrics:
    """The agents' metrics in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._declared = {short_name(one): one for one in AGENT_METRICS}
        self._kept: dict[str, Counter | Gauge] = {
            name: one.counter(registry)
            if one.kind == "counter"
            else Gauge(one.name, one.help, one.labels, registry=registry)
            for name, one in self._declared.items()
        }

    def apply(self, name: str, labels: Mapping[str, str], amount: float) -> None:
        """Take what `unit.count(name, amount, **labels)` counted; a gauge of information replaces the one before.

        Raises ConfigurationError for a name, labels, or a value of a label that are not declared above.
        """
        declared = self._declared.get(name)
        if declared is None:
            raise ConfigurationError(f"found a count of {name!r}; expected one of {', '.join(sorted(self._declared))}")
        wrong = {label: value for label, value in labels.items() if value not in VALUES.get(label, {value})}
        if set(labels) != set(declared.labels) or wrong:
            allowed = "; ".join(f"{label} is one of {', '.join(sorted(VALUES[label]))}" for label in wrong)
            raise ConfigurationError(
                f"found a count of {name!r} with {dict(labels)}; expected the labels {list(declared.labels)}"
                + (f"; {allowed}" if allowed else "")
            )
        kept = self._kept[name]
        if isinstance(kept, Gauge):
            kept.clear()
        (kept.labels(**labels) if labels else kept).inc(amount)
