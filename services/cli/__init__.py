"""The command `lam`: one verb a file."""

from __future__ import annotations

import sys

import typer

from schemas.errors import LamstreamError
from services.cli import config, decision, demo, dlq, lag, publish, replay, shop, site, tail, topics, train, worker

cli = typer.Typer(
    name="lam",
    help="Personalization streams: fold live sessions, decide, learn. Settings come from LAM_* (see `lam config`).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command(name="worker")(worker.worker)
cli.command(name="demo")(demo.demo)
cli.command(name="replay")(replay.replay)
cli.command(name="shop")(shop.shop)
cli.command(name="publish")(publish.publish)
cli.command(name="tail")(tail.tail)
cli.command(name="lag")(lag.lag)
cli.command(name="config")(config.config)
cli.add_typer(topics.topics, name="topics")
cli.add_typer(dlq.dlq, name="dlq")
cli.add_typer(decision.decision, name="decision")
cli.add_typer(site.site, name="site")
cli.add_typer(train.train, name="train")


def main() -> None:
    """Run the command; an error of ours is one readable message and exit status 2."""
    try:
        cli()
    except LamstreamError as error:
        print(f"lam: {error}", file=sys.stderr)
        sys.exit(2)
