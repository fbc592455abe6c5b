"""The command `lam`: one verb a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from schemas.errors import LamstreamError
from services.cli import (
    config,
    decision,
    demo,
    dlq,
    lag,
    offsets,
    publish,
    replay,
    shop,
    site,
    state,
    tail,
    topics,
    train,
    worker,
)

cli = typer.Typer(
    name="lam",
    help="Personalization streams: fold live sessions, decide, learn. Settings come from LAM_* (see `lam config`).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command(name="demo")(demo.demo)
cli.command(name="replay")(replay.replay)
cli.command(name="shop")(shop.shop)
cli.command(name="publish")(publish.publish)
cli.command(name="tail")(tail.tail)
cli.command(name="lag")(lag.lag)
cli.command(name="config")(config.config)
cli.add_typer(worker.worker, name="worker")
cli.add_typer(topics.topics, name="topics")
cli.add_typer(offsets.offsets, name="offsets")
cli.add_typer(dlq.dlq, name="dlq")
cli.add_typer(decision.decision, name="decision")
cli.add_typer(site.site, name="site")
cli.add_typer(state.state, name="state")
cli.add_typer(train.train, name="train")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command, the process's own unless given; an error of ours is one readable message and exit status 2."""
    try:
        cli(arguments)
    except LamstreamError as error:
        print(f"lam: {error}", file=sys.stderr)
        sys.exit(2)
