"""Every draw and every bucket: HMAC-SHA256 under the site's secret (DOMAIN.md, 6).

u = HMAC(site secret, purpose \\0 experiment \\0 id \\0 n), its first 53 bits as a number in [0, 1); the site secret is
HMAC(master key, site id).
"""

from __future__ import annotations

import hashlib
import hmac

BUCKETS = 10_000


class Draws:
    """The draws of every site under one master key."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._secrets: dict[str, bytes] = {}
        self.key_id = hashlib.sha256(b"lamstream-key" + master).hexdigest()[:8]

    def bucket(self, site_id: str, who: str) -> int:
        """The place among BUCKETS of a visitor, or of a session where the visitor is not known."""
        return int(self._uniform(site_id, "holdout", "", who, "0") * BUCKETS)

    def arm(self, site_id: str, session_id: str, started_at: int, number: int) -> float:
        """The draw of a visit's decision of that number."""
        return self._uniform(site_id, "arm", str(started_at), session_id, str(number))

    def sampled(self, site_id: str, session_id: str, moment: str, rate: float) -> bool:
        """Whether an evaluation that concludes nothing is recorded; of this draw all of the first 64 bits count."""
        return self._first_64(site_id, "sample", "", session_id, moment) < int(rate * 2**64)

    def _uniform(self, site_id: str, *parts: str) -> float:
        return (self._first_64(site_id, *parts) >> 11) / 2**53

    def _first_64(self, site_id: str, *parts: str) -> int:
        secret = self._secrets.get(site_id)
        if secret is None:
            secret = self._secrets[site_id] = hmac.digest(self._master, site_id.encode(), "sha256")
        return int.from_bytes(hmac.digest(secret, "\0".join(parts).encode(), "sha256")[:8], "big")
