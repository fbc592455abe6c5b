"""Draws and buckets: repeatable, apart from each other, uniform."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from models.ava.draws import Draws, MasterKeyError, master_key, sample_threshold
from tests.models.ava.cases import MASTER

DRAWS = Draws(MASTER)


def test_a_draw_is_the_documented_hmac() -> None:
    """HMAC-SHA256(HMAC-SHA256(master, site), purpose 0 experiment 0 id 0 n), 53 bits."""
    secret = hmac.new(MASTER, b"shop", hashlib.sha256).digest()
    digest = hmac.new(secret, b"arm\x001700000000000\x00s-1\x003", hashlib.sha256).digest()
    assert DRAWS.arm("shop", "s-1", 1_700_000_000_000, 3) == int.from_bytes(digest[:8], "big") // 2**11 / 2**53
    bucket = hmac.new(secret, b"holdout\x00\x00v-1\x000", hashlib.sha256).digest()
    assert DRAWS.bucket("shop", "v-1") == int.from_bytes(bucket[:8], "big") * 10_000 // 2**64


def test_draws_depend_on_all_they_are_for() -> None:
    """Site, session, visit, number and master key."""
    drawn = {
        DRAWS.arm("a", "s", 1, 1),
        DRAWS.arm("b", "s", 1, 1),
        DRAWS.arm("a", "t", 1, 1),
        DRAWS.arm("a", "s", 2, 1),
        DRAWS.arm("a", "s", 1, 2),
        Draws(bytes(32)).arm("a", "s", 1, 1),
    }
    assert len(drawn) == 6


def test_buckets_and_samples_are_uniform() -> None:
    """Chi-square over 10 cells of 20,000 visitors (99.9 % below 27.9); 1 % sampled within five deviations."""
    cells = [0] * 10
    for visitor in range(20_000):
        cells[DRAWS.bucket("shop", f"v{visitor}") // 1_000] += 1
    assert sum((cell - 2_000) ** 2 / 2_000 for cell in cells) < 27.9
    threshold = sample_threshold(0.01)
    sampled = sum(DRAWS.sampled("shop", f"s{one}", str(one), threshold) for one in range(50_000))
    assert abs(sampled - 500) < 5 * (50_000 * 0.01 * 0.99) ** 0.5


def test_all_or_nothing_can_be_sampled() -> None:
    """A rate of 1 takes every one, a rate of 0 none."""
    for rate, expected in ((1.0, True), (0.0, False)):
        assert {DRAWS.sampled("shop", "s", str(at), sample_threshold(rate)) for at in range(500)} == {expected}


def test_the_master_key_is_hex_or_text_and_long_enough() -> None:
    """Too short a key is refused with what to do."""
    assert master_key("00" * 16) == bytes(16)
    assert master_key("a sentence that is no hex") == b"a sentence that is no hex"
    for short in ("00" * 15, "short"):
        with pytest.raises(MasterKeyError, match="at least 16: set LAM_MASTER_KEY"):
            master_key(short)
    with pytest.raises(MasterKeyError):
        Draws(b"short")


def test_a_worker_with_another_key_refuses_a_site() -> None:
    """The site-config's key id is that of the key, or none."""
    assert DRAWS.key_id == hashlib.sha256(b"lamstream-key" + MASTER).hexdigest()[:8]
    DRAWS.check("shop", DRAWS.key_id)
    DRAWS.check("shop", None)
    with pytest.raises(MasterKeyError, match="site shop draws with key 00000000"):
        DRAWS.check("shop", "00000000")
