"""What is true of a simulated shop: what a stream that loses and doubles nothing must come to, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from models.shop.containers import Container
from models.shop.effects import TRUE_EFFECTS
from models.shop.visit import Record, Visit


@dataclass
class SiteTruth:
    """Of one site: session events that arrived, and what the fold (`docs/fold.md`) must make of them."""

    session_events: int = 0
    folded: int = 0
    duplicate: int = 0
    unconsented: int = 0
    visits: int = 0
    """That close; a visit whose consent is taken back is erased instead."""
    converted: int = 0
    orders: int = 0


@dataclass
class _Open:
    """A visit as the stream must see it, record by record."""

    seen: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)


class Truth:
    """Counters of all that arrived, and the visits and containers that ended since they were last drained.

    `interventions` counts those heard and, of these, repeated, gone (the visitor had left), no_op, unknown_action,
    shown, clicked, dismissed.
    """

    def __init__(self, sites: Iterable[str], **about: Any) -> None:
        self.about = about
        self.sites = {site: SiteTruth() for site in sites}
        self.session_events: Counter[str] = Counter()
        self.visits: Counter[str] = Counter()
        self.intents: Counter[str] = Counter()
        self.interventions: Counter[str] = Counter()
        self.actions_shown: Counter[str] = Counter()
        self.containers: Counter[str] = Counter()
        self._tombstoned: set[str] = set()
        self._made: set[str] = set()
        self._open: dict[int, _Open] = {}
        self._visits: list[dict[str, Any]] = []
        self._containers: list[dict[str, Any]] = []

    def arrived(self, visit: Visit, record: Record) -> None:
        """Count a session event, in order of arrival."""
        site = self.sites[record["site_id"]]
        site.session_events += 1
        self.session_events[record["type"]] += 1
        if not record["consent"]["analytics"]:
            site.unconsented += 1
            self._open.pop(visit.number, None)
            return
        state = self._open.get(visit.number)
        if state is None:
            state = self._open[visit.number] = _Open()
        if record["event_id"] in state.seen:
            site.duplicate += 1
            return
        state.seen.add(record["event_id"])
        site.folded += 1
        if record["type"] == "purchase":
            state.orders.add(record["order_id"])

    def container_record(self, topic: str, record: Record) -> None:
        """Count a mutation or a tombstone, in order of arrival."""
        container = record["container_id"]
        self.containers[f"{topic}s"] += 1
        if topic == "mutation":
            self.containers["mutations_after_tombstone"] += container in self._tombstoned
            self._made.add(container)
        else:
            self.containers["tombstones_repeated"] += container in self._tombstoned
            self._tombstoned.add(container)

    def visit_ended(self, visit: Visit) -> None:
        """All of its records have arrived."""
        state = self._open.pop(visit.number, None)
        if state is not None:
            site = self.sites[visit.visitor.site.site_id]
            site.visits += 1
            site.converted += bool(state.orders)
            site.orders += len(state.orders)
        self.visits[consent_of(visit)] += 1
        self.visits["bounced"] += visit.bounced
        self.visits["converted"] += visit.converted
        self.intents[visit.visitor.intent] += 1
        self._visits.append(visit_line(visit))

    def container_ended(self, container: Container) -> None:
        """It was retired."""
        self._containers.append(container.truth)

    def drain(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The visits and the containers that ended since this was last asked, as JSON lines."""
        drained = self._visits, self._containers
        self._visits, self._containers = [], []
        return drained

    def totals(self, alive: int) -> dict[str, Any]:
        """Everything but visits and containers one by one, as JSON; `alive` is the number of containers not retired."""
        orphans = len(self._tombstoned - self._made)
        return {
            **self.about,
            "sites": {site: asdict(truth) for site, truth in self.sites.items()},
            "session_events": dict(sorted(self.session_events.items())),
            "visits": dict(sorted(self.visits.items())),
            "intents": dict(sorted(self.intents.items())),
            "interventions": dict(sorted(self.interventions.items())),
            "actions_shown": dict(sorted(self.actions_shown.items())),
            "containers": {
                **dict(sorted(self.containers.items())),
                "tombstoned": len(self._tombstoned),
                "tombstoned_without_mutation": orphans,
                "alive": alive,
            },
            "expected_tuples": len(self._tombstoned),
            "true_effects": {
                action: {"otherwise": effect.otherwise, **effect.by} for action, effect in TRUE_EFFECTS.items()
            },
        }


def consent_of(visit: Visit) -> str:
    """What the visitor agreed to, in a word."""
    if visit.visitor.grants:
        return "granted_later" if visit.consent["analytics"] else "never_granted"
    if visit.visitor.withdraws:
        return "kept" if visit.consent["analytics"] else "withdrawn"
    if not visit.consent["analytics"]:
        return "nothing"
    return "everything" if visit.consent["personalization"] else "analytics_only"


def visit_line(visit: Visit) -> dict[str, Any]:
    """The truth about one visit. Times are true ms since the epoch, probabilities true, effects log-odds."""
    visitor = visit.visitor
    return {
        "number": visit.number,
        "session_id": visit.session_id,
        "site_id": visitor.site.site_id,
        "intent": visitor.intent,
        "device": visitor.facts["device"],
        "source": visitor.facts["source"],
        "returning": visitor.facts["returning"],
        "consent": consent_of(visit),
        "started_ms": visit.start_ms,
        "ended_ms": visit.now_ms,
        "events": visit.events,
        "pages": visit.pages,
        "bounced": visit.bounced,
        "dwell_s": round(visit.dwell_s, 1),
        "scroll": visit.scroll,
        "containers": list(visit.containers),
        "interventions": visit.heard,
        "moved": visit.moved,
        "p_unmoved": visit.unmoved,
        "p": visit.decided,
        "converted": visit.converted,
        "orders": visit.orders,
    }
