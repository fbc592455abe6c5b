"""Live sessions of the product in memory, beside the messages that the reference is to be given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

from models.ava.catalog import installed_catalog
from models.ava.deciding import SAMPLE_RATE, Decider, Policy
from models.behaviour.config import HOUR_MS, SECOND_MS, FoldConfig
from models.serving.scorer import Scorer
from models.shop.config import ShopConfig
from models.shop.shop import Sent, Shop
from tests.models.live.partition import KEY, LivePartition, minds
from tests.models.shop.days import events, opened, run
from tests.reference.comparing import differences
from tests.reference.config import Config
from tests.reference.live import ExpectedLive, Message, expected_live

EVERY_ONE = 1.0
"""All evaluations are recorded, and so compared."""
SMALL = FoldConfig(event_cap=60, bot_threshold=12)
STEP_MS = 10 * SECOND_MS
CLOSES_ALL_MS = 30 * HOUR_MS
SESSIONS = 16
START = 1_760_000_000_000
"""Where made-up streams begin, ms since the epoch."""

Event = dict[str, Any]


class Beside:
    """A partition that notes what it was given.

    bound: how far, in points, the scorer may move a signal. sample_rate: share of the evaluations without a conclusion
    that are recorded. small: visits are capped, and bots' visits told, after a few events.
    """

    def __init__(
        self,
        configs: Iterable[Event],
        scorer: Scorer | None = None,
        *,
        bound: float = 0.0,
        sample_rate: float = EVERY_ONE,
        small: bool = False,
    ) -> None:
        self.configs = list(configs)
        self.messages: list[Message] = []
        self._options = {"bound": bound, "sample_rate": sample_rate}
        self._limits = SMALL if small else FoldConfig()
        made = minds(configs=self.configs, scorer=scorer, config=self._limits)
        policy = Policy(installed_catalog(), "" if scorer is None else scorer.version, **self._options)
        self.partition = LivePartition(replace(made, decider=Decider(policy, made.draws)))

    def take(self, batch: list[Event]) -> None:
        """A batch, in which no session comes twice."""
        assert len({one["session_id"] for one in batch}) == len(batch)
        self.partition.take(batch)
        self.messages += [(one, one["sent_at"]) for one in batch]

    def advance(self, watermark: int) -> None:
        """Let time pass."""
        self.partition.advance(watermark)
        self.messages.append(watermark)

    def records(self, topic: str) -> list[Event]:
        """What left on a topic."""
        return self.partition.records[topic]

    def expected(self) -> ExpectedLive:
        """What the reference says must have left."""
        scored = self.partition.minds.scorer is not None
        limits = self._limits
        config = Config(clock="event", cap=limits.event_cap, bot_threshold=limits.bot_threshold)
        return expected_live(config, KEY, self.configs, [self.messages], scored=scored, **self._options)

    def differences(self) -> list[str]:
        """Between the two."""
        return differences(
            self.expected(),
            decisions=self.records("decision"),
            interventions=self.records("intervention"),
            updates=self.records("reward-update"),
            deltas=self.records("reward-delta"),
        )


def shop_beside(config: ShopConfig, minutes: int, scorer: Scorer | None = None) -> Beside:
    """A shop whose visitors hear what is decided; of what arrives in ten seconds, each session's events by turns."""
    shop = opened(config)
    beside = Beside(shop.site_configs(), scorer, sample_rate=SAMPLE_RATE)
    heard = 0

    def live(shop: Shop, sent: list[Sent]) -> None:
        nonlocal heard
        for batch in by_turns(events(sent)):
            beside.take(batch)
        beside.advance(shop.now_ms)
        told = beside.records("intervention")
        for intervention in told[heard:]:
            shop.hear(intervention, shop.now_ms)
        heard = len(told)

    run(shop, minutes, live, step_ms=STEP_MS)
    beside.advance(shop.now_ms + CLOSES_ALL_MS)
    return beside


def by_turns(of: list[Event]) -> list[list[Event]]:
    """Batches of the first event of each session, then of the second, and so on."""
    turns: list[list[Event]] = []
    come: defaultdict[str, int] = defaultdict(int)
    for event in of:
        turn = come[event["session_id"]]
        come[event["session_id"]] += 1
        turns += [[] for _ in range(turn + 1 - len(turns))]
        turns[turn].append(event)
    return turns


_SITES: tuple[Event, ...] = (
    {"site_id": "active", "mode": "active", "opted_in": True},
    {"site_id": "eager", "mode": "active", "opted_in": True, "profile": "aggressive", "holdout_share": 0.5},
    {"site_id": "shy", "mode": "limited_active", "opted_in": True, "profile": "conservative", "holdout_share": 0.0},
    {"site_id": "careful", "mode": "active", "opted_in": True, "profile": "conservative"},
    {"site_id": "young", "mode": "active", "forbidden_actions": ["nudge_search_help", "nudge_cart_reminder"]},
    {"site_id": "stopped", "mode": "active", "kill_switch": True},
    {"site_id": "other key", "mode": "active", "key_id": "00000000"},
)
CONFIGS = tuple({"version": 3, **site} for site in _SITES)
"""As operators configure sites; `unknown` is one without a config."""
SITE_IDS = (*("active", "eager", "shy", "careful", "young") * 3, "stopped", "other key", "unknown")
KINDS = (
    *("page_view",) * 8,
    *("page_ping", "click", "scroll", "hover", "input", "view_item", "search", "add_to_cart", "exit_intent") * 3,
    *("remove_from_cart", "begin_checkout", "payment_error", "purchase", "form_error", "form_submit", "js_error"),
    *("add_shipping_info", "add_payment_info", "add_to_wishlist", "select_item", "copy_text", "slow_response"),
    *("intervention_shown", "intervention_dismissed", "intervention_clicked", "consent_changed", "visibility_hidden"),
)
PAGES = {
    "/": "landing",
    "/c": "category",
    "/s": "search_results",
    "/p/1": "product",
    "/p/2": "product",
    "/cart": "cart",
    "/pay": "checkout",
    "/pay/2": "checkout",
    "/me": "account",
    "/o": "other",
}
STEPS_S = (*(0.2, 0.9, 2.0, 4.0, 9.0) * 8, *(31.0, 65.0) * 4, 320.0, 620.0, 1_900.0)
"""Between two batches."""
BACK_S = (*(0.0,) * 60, *(3.0, 30.0, 200.0) * 4, -5.0, -2_000.0)
"""By how much an event happened before it was sent; some clients' clocks are wrong."""
CONSENTS = (*(((True, True),) * 60), (True, False), (False, False))
"""To analytics and to personalization."""


class Made:
    """A made-up stream: sessions that do anything at any time; each has a page until it views another."""

    def __init__(self, seed: int, batches: int, scorer: Scorer | None = None, **options: Any) -> None:
        self.beside = Beside(CONFIGS, scorer, **options)
        self._random = Random(seed)
        self._sessions = [f"s{number}" for number in range(SESSIONS)]
        self._site = {session: self._random.choice(SITE_IDS) for session in self._sessions}
        self._page = dict.fromkeys(self._sessions, "/")
        self._made = 0
        now = START
        for _ in range(batches):
            now += round(1_000 * self._random.choice(STEPS_S))
            chosen = self._random.sample(self._sessions, self._random.randint(1, SESSIONS))
            self.beside.take([self._event(session, now + k) for k, session in enumerate(chosen)])
            if self._random.random() < 0.05:
                self.beside.advance(now + self._random.randrange(60_000))
        self.beside.advance(now + CLOSES_ALL_MS)

    def _event(self, session: str, now: int) -> Event:
        pick, some = self._random.choice, self._random.random
        kind = pick(KINDS)
        if kind == "page_view":
            self._page[session] = pick(list(PAGES))
        page, self._made = self._page[session], self._made + 1
        return {
            "event_id": f"e{self._made}",
            "site_id": self._site[session],
            "session_id": session,
            "visitor_id": pick((None, f"v-{session}")),
            "tab_id": pick(("t", "t", "t2")),
            "seq": None,
            "type": kind,
            "page_type": PAGES[page],
            "page_id": page,
            "containers": [f"box-{self._random.randrange(12)}" for _ in range(3)] if some() < 0.6 else [],
            "occurred_at": now - round(1_000 * pick(BACK_S)),
            "sent_at": now,
            "received_at": pick((None, now, now)),
            "device": pick(("mobile", "desktop")),
            "source": pick(("paid", "email", "direct")),
            "consent": dict(zip(("analytics", "personalization"), pick(CONSENTS), strict=True)),
            "query": pick((None, "red shoes", "where is my ORDER", "Return shoes")),
            "intervention_id": self._intervention(session) if kind.startswith("intervention") else None,
            **self._facts(kind),
        }

    def _facts(self, kind: str) -> Event:
        pick = self._random.choice
        return {
            "target": pick((None, "a", "b")),
            "interactive": pick((None, True, False)),
            "product_id": pick(("1", "2", None)),
            "price": pick((None, 9.99, 120.0, 333.33)),
            "in_stock": pick((None, True, True, True, False)) if kind == "view_item" else None,
            "cart_items": pick((None, None, None, None, 0, 2)),
            "cart_value": pick((None, None, None, 0.0, 18.5, 49.0, 250.1, 777.0)),
            "shipping_cost": pick((None, None, None, None, None, 3.9, 12.0)),
            "scroll_depth": pick((None, 0.3, 0.95)),
            "dwell_s": pick((None, 0.7, 33.3)),
            "field": pick((None, "card_number", "name")),
            "filled": pick((None, True, False)),
            "order_id": pick((None, "o1", "o2")),
            "logged_in": pick((None, None, None, True, False)),
            "returning": pick((None, None, None, True, False)),
            "prior_conversion": pick((None, None, None, True, False)),
            "explored_today": pick((None, None, None, None, 0, 1, 2, 3)),
        }

    def _intervention(self, session: str) -> str | None:
        """Of the last one that the session was told of, or of another, or none named."""
        told = self.beside.records("intervention")
        mine: list[str] = [one["intervention_id"] for one in told if one["session_id"] == session]
        return self._random.choice((None, "another", *mine[-3:]))
