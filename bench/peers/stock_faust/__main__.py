"""`python -m bench.peers.stock_faust`: a worker, on uvloop."""

from __future__ import annotations

import sys

import mode.loop

mode.loop.use("uvloop")  # before Faust is imported

from bench.peers.stock_faust.app import app  # noqa: E402

sys.argv[1:] = ["worker", "--without-web", "--loglevel", "warn"]
app.main()
