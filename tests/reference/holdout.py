"""Who is in the holdout (DOMAIN 6)."""

from __future__ import annotations

from tests.reference.draws import BUCKETS, Draws


def is_held_out(master_key: bytes, site_id: str, who: str, share: float) -> bool:
    """Whether a site that holds out `share` of its visitors, 0-1, holds out this one."""
    return Draws(master_key).bucket(site_id, who) < round(share * BUCKETS)
