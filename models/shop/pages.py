"""The components of a container's page, the directions they stand for, and what these do to visitors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from models.shop.dice import Dice

Components = Mapping[str, int]

AXES = ("urgency", "scarcity", "trust", "friction", "aesthetic_complexity")
CUES = {
    "urgency": ("COUNTDOWN",),
    "scarcity": ("BANNER",),
    "trust": ("SOCIAL_PROOF", "LOGO_CLOUD", "METRICS"),
    "friction": ("FORM", "MODAL"),
}
"""The components that each axis counts; aesthetic complexity counts them all (ours)."""
SCALES = {"urgency": 2.0, "scarcity": 2.0, "trust": 3.0, "friction": 3.0}
"""Change of the count at which a direction reaches tanh(1) (DOMAIN 4)."""
AESTHETIC_SCALE = 0.4
"""The same for aesthetic complexity, as a share of the count before (DOMAIN 4)."""

TASTE = {"urgency": 0.1, "scarcity": -0.05, "trust": 0.5, "friction": -0.5, "aesthetic_complexity": -0.15}
"""True log-odds of conversion by one unit of direction from the page type's first page (ours)."""
DISTASTE = {"urgency": 0.1, "scarcity": 0.1, "trust": -0.3, "friction": 0.5, "aesthetic_complexity": 0.3}
"""The same of a bounce (ours)."""

_EVERYWHERE = {"HEADER": 1, "NAV": 1, "CTA": 1, "FOOTER": 1}
FIRST_PAGES: Mapping[str, Components] = {
    "landing": {**_EVERYWHERE, "HERO": 1, "FEATURES": 1, "SOCIAL_PROOF": 1},
    "category": {**_EVERYWHERE, "GALLERY": 1, "BANNER": 1},
    "search_results": {**_EVERYWHERE, "GALLERY": 1, "FORM": 1},
    "product": {**_EVERYWHERE, "PRODUCT": 1, "GALLERY": 1, "SOCIAL_PROOF": 1},
    "cart": {**_EVERYWHERE, "PRICING": 1, "SECTION": 1},
    "checkout": {**_EVERYWHERE, "FORM": 2, "PRICING": 1},
}
"""Components of the first page of each page type that has containers."""

_ADDED = ("COUNTDOWN", "BANNER", "SOCIAL_PROOF", "LOGO_CLOUD", "METRICS", "FORM", "MODAL", "SECTION", "CTA")
_REMOVED = ("COUNTDOWN", "BANNER", "MODAL", "FORM", "SECTION")
_REMOVAL = 0.35
"""Share of changes that take a component away, where there is one to take."""
MOST_CHANGES = 3
_ORDER = ("HEADER", "NAV", "BANNER", "HERO", "COUNTDOWN")
CONTRAST = (2.5, 15.0)
"""Range of the contrast ratios of calls to action."""


class Page(NamedTuple):
    """What a container shows."""

    components: Components
    contrast: float
    """WCAG contrast ratio of the primary call to action, 1-21."""

    @property
    def record(self) -> dict[str, Any]:
        """As a mutation states it."""
        named = sorted(self.components, key=lambda name: (_place(name), name))
        path = " > ".join(name for name in named for _ in range(self.components[name]))
        return {"component_path": path, "contrast_ratio": self.contrast, "components": dict(self.components)}


def _place(name: str) -> int:
    if name == "FOOTER":
        return len(_ORDER) + 1
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def first_page(page_type: str, dice: Dice) -> Page:
    """A page of the type before any mutation."""
    return Page(FIRST_PAGES[page_type], _contrast(dice))


def changed(page: Page, dice: Dice) -> Page:
    """The page with one to MOST_CHANGES components more or less."""
    components = dict(page.components)
    for _ in range(1 + dice.below(MOST_CHANGES)):
        there = [name for name in _REMOVED if components.get(name)]
        if there and dice.chance(_REMOVAL):
            name = dice.pick(there)
            components[name] -= 1
            if not components[name]:
                del components[name]
        else:
            name = dice.pick(_ADDED)
            components[name] = components.get(name, 0) + 1
    return Page(components, _contrast(dice) if dice.chance(0.5) else page.contrast)


def directions(before: Components, after: Components) -> dict[str, float]:
    """The change by axis, each in [-1, 1]: tanh of the change of its count over its scale (DOMAIN 4)."""
    moved = {
        axis: math.tanh(sum(after.get(cue, 0) - before.get(cue, 0) for cue in cues) / SCALES[axis])
        for axis, cues in CUES.items()
    }
    first = sum(before.values())
    moved["aesthetic_complexity"] = math.tanh((sum(after.values()) - first) / (AESTHETIC_SCALE * max(first, 1)))
    return moved


def liking(page_type: str, page: Page, taste: Mapping[str, float]) -> float:
    """What a page adds to the log-odds, against the page type's first page."""
    moved = directions(FIRST_PAGES[page_type], page.components)
    return sum(taste[axis] * moved[axis] for axis in AXES)


def _contrast(dice: Dice) -> float:
    return round(dice.between(*CONTRAST), 2)
