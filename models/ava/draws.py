"""Every draw and every bucket: HMAC-SHA256 of what it is for, so that it is repeatable and clients cannot foresee it.

u = HMAC-SHA256(site secret, purpose \\0 experiment \\0 id \\0 n), its first 53 bits as a number in [0, 1)
(DOMAIN 6, given). The site secret is HMAC-SHA256(master key, site id); no topic carries it.
"""

from __future__ import annotations

import hashlib
import hmac
import math

from models.ava.sites import BUCKETS
from schemas.errors import LamstreamError

LEAST_KEY_BYTES = 16
KEY_ID_CHARACTERS = 8
KEY_ID_PREFIX = b"lamstream-key"
HASH = "sha256"
INNER_PAD, OUTER_PAD = 0x36, 0x5C
"""Of HMAC (RFC 2104)."""
DRAW_BITS = 53
"""Of a float64's significand: each draw is a multiple of 2^-53."""
DRAW_BYTES = 8

HOLDOUT = b"holdout"
ARM = b"arm"
SAMPLE = b"sample"


class MasterKeyError(LamstreamError):
    """The master key cannot be used, or is another than a site's."""


def master_key(text: str) -> bytes:
    """The key from its setting: hexadecimal digits, else the text itself as UTF-8.

    Raises MasterKeyError where it is shorter than LEAST_KEY_BYTES.
    """
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = text.encode()
    if len(key) < LEAST_KEY_BYTES:
        raise MasterKeyError(
            f"found a master key of {len(key)} bytes; expected at least {LEAST_KEY_BYTES}: set LAM_MASTER_KEY, for "
            "example to the output of `openssl rand -hex 32`, the same on every worker"
        )
    return key


class _Keyed:
    """HMAC-SHA256 under one key (RFC 2104), its two blocks of key hashed once: half the time of a call each."""

    def __init__(self, key: bytes) -> None:
        block = key.ljust(hashlib.sha256().block_size, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ INNER_PAD for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ OUTER_PAD for byte in block))

    def digest(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


class Draws:
    """The draws of every site under one master key; site secrets are kept in memory."""

    def __init__(self, master: bytes) -> None:
        if len(master) < LEAST_KEY_BYTES:
            raise MasterKeyError(f"found a master key of {len(master)} bytes; expected at least {LEAST_KEY_BYTES}")
        self._master = master
        self._sites: dict[str, _Keyed] = {}
        self.key_id = hashlib.sha256(KEY_ID_PREFIX + master).hexdigest()[:KEY_ID_CHARACTERS]

    def check(self, site_id: str, key_id: str | None) -> None:
        """Raises MasterKeyError where a site's config names another master key than this one."""
        if key_id is not None and key_id != self.key_id:
            raise MasterKeyError(
                f"found master key {self.key_id}, but site {site_id} draws with key {key_id}: set LAM_MASTER_KEY to "
                "that key, or publish a site-config without it"
            )

    def bucket(self, site_id: str, who: str) -> int:
        """The place among BUCKETS of a visitor, or of a session where the visitor is not known."""
        return math.floor(self._draw(site_id, HOLDOUT, b"", who, 0) * BUCKETS)

    def arm(self, site_id: str, session_id: str, visit_started_at: int, number: int) -> float:
        """The draw, in [0, 1), of a visit's decision of that number."""
        return self._draw(site_id, ARM, b"%d" % visit_started_at, session_id, number)

    def sampled(self, site_id: str, session_id: str, moment: str, threshold: bytes) -> bool:
        """Whether an evaluation that concludes nothing is recorded.

        `moment` names it within its session; `threshold` is `sample_threshold(rate)`.
        """
        # In bytes, which order as the numbers do: this is asked of nearly every evaluation.
        return self._digest(site_id, SAMPLE, b"", session_id, moment.encode()) < threshold

    def _draw(self, site_id: str, purpose: bytes, experiment: bytes, who: str, n: int) -> float:
        digest = self._digest(site_id, purpose, experiment, who, b"%d" % n)
        return (int.from_bytes(digest[:DRAW_BYTES], "big") >> (8 * DRAW_BYTES - DRAW_BITS)) / (1 << DRAW_BITS)

    def _digest(self, site_id: str, purpose: bytes, experiment: bytes, who: str, n: bytes) -> bytes:
        site = self._sites.get(site_id)
        if site is None:
            site = self._sites[site_id] = _Keyed(hmac.digest(self._master, site_id.encode(), HASH))
        return site.digest(b"%b\0%b\0%b\0%b" % (purpose, experiment, who.encode(), n))


def sample_threshold(rate: float) -> bytes:
    """What the digests of a share `rate`, 0-1, of evaluations lie below."""
    if rate >= 1.0:
        return b"\xff" * (hashlib.sha256().digest_size + 1)
    return math.floor(rate * (1 << (8 * DRAW_BYTES))).to_bytes(DRAW_BYTES, "big")
