"""Who is in the holdout (DOMAIN 6): HMACs of the standard library."""

from __future__ import annotations

import hmac

BUCKETS = 10_000
DRAW_BITS, DIGEST_BITS = 53, 64


def bucket(master_key: bytes, site_id: str, who: str) -> int:
    """The place of a visitor, or of a session that names none, among 10,000.

    u = HMAC-SHA256(site secret, purpose \\0 experiment \\0 id \\0 n), its first 53 bits as a number in [0, 1), with the
    site secret = HMAC-SHA256(master key, site id).
    """
    secret = hmac.digest(master_key, site_id.encode(), "sha256")
    digest = hmac.digest(secret, b"\0".join((b"holdout", b"", who.encode(), b"0")), "sha256")
    first = int.from_bytes(digest[: DIGEST_BITS // 8], "big") >> (DIGEST_BITS - DRAW_BITS)
    return first * BUCKETS >> DRAW_BITS


def is_held_out(master_key: bytes, site_id: str, who: str, share: float) -> bool:
    """Whether a site that holds out `share` of its visitors, 0-1, holds out this one."""
    return bucket(master_key, site_id, who) < round(share * BUCKETS)
