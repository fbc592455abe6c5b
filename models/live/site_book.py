"""What is known of every site, kept up to date from site-config and site-stage."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.ava.sites import SiteContext, SiteError, site_context

log = logging.getLogger(__name__)

MOST_SITES = 50_000
"""Sites that a book keeps a context of at once."""

Record = Mapping[str, Any]


class SiteBook:
    """The sites met so far, each at a place of its own within a turn; a site nobody configured has the defaults.

    `key_id` names the master key of this worker's draws.
    """

    def __init__(self, key_id: str) -> None:
        self.contexts: list[SiteContext] = []
        self._key_id = key_id
        self._places: dict[bytes, int] = {}
        self._configs: dict[str, Record] = {}
        self._stages: dict[str, Record] = {}

    def apply_config(self, site_id: str, record: Record | None, offset: int) -> None:
        """Take a site-config record; the highest version counts, None forgets the site's."""
        known = self._configs.get(site_id)
        if record is None:
            self._configs.pop(site_id, None)
        elif known is None or record["version"] >= known["version"]:
            self._configs[site_id] = record
        self._refresh(site_id)

    def apply_stage(self, site_id: str, record: Record | None, offset: int) -> None:
        """Take a site-stage record; None forgets the site's."""
        if record is None:
            self._stages.pop(site_id, None)
        else:
            self._stages[site_id] = record
        self._refresh(site_id)

    def places(self, sites: npt.NDArray[np.bytes_]) -> npt.NDArray[np.int32]:
        """`int32[n]`: the place in `contexts` of each site, S40[n], UTF-8.

        By its id, not by a hash of it: whoever may choose ids could make two of one hash, and decide for another site.
        """
        find = self._places.get
        found = [find(site, -1) for site in sites.tolist()]
        for k, place in enumerate(found):
            if place < 0:
                found[k] = self.place(sites[k])
        return np.array(found, np.int32)

    def trim(self) -> None:
        """Forget every place where too many sites were met, for ids are what producers send; never within a turn."""
        if len(self.contexts) > MOST_SITES:
            self.contexts.clear()
            self._places.clear()

    def place(self, site: bytes) -> int:
        """The place in `contexts` of one site; its id is UTF-8."""
        place = self._places.get(site)
        if place is None:
            place = self._places[site] = len(self.contexts)
            self.contexts.append(self._context(site.decode()))
        return place

    def _refresh(self, site_id: str) -> None:
        place = self._places.get(site_id.encode())
        if place is not None:
            self.contexts[place] = self._context(site_id)

    def _context(self, site_id: str) -> SiteContext:
        """What to go by for a site; one whose operator's word cannot be followed is stopped, and the log says why."""
        try:
            context = site_context(site_id, self._configs.get(site_id), self._stages.get(site_id))
        except SiteError as unusable:
            log.error("site %s is stopped: its site-config cannot be followed: %s", site_id, unusable)
            return SiteContext(site_id, kill_switch=True)
        if context.key_id is not None and context.key_id != self._key_id:
            log.error(
                "site %s is stopped: its site-config asks for the master key %s and this worker has %s; "
                "set LAM_MASTER_KEY to that key, or publish the site-config with this one",
                site_id,
                context.key_id,
                self._key_id,
            )
            return SiteContext(site_id, kill_switch=True)
        return context
