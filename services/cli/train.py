"""`lam train`: models made from what live sessions told."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from models.serving.manifest import Manifest, read_manifest
from models.shop.effects import true_effect
from schemas.errors import LamstreamError
from services.training import Hours, code_version, simulated_hours

train = typer.Typer(help="Train models and write them as releases.", no_args_is_help=True)


class TrainingUnavailable(LamstreamError):
    """What training needs is not installed; nothing was started."""


@train.callback()
def _models() -> None:
    """Train models and write them as releases."""


@train.command("scorer")
def scorer(
    hours: Annotated[float, typer.Option(min=0.05, help="Hours that the simulated shop is open.")] = Hours.hours,
    visits_per_minute: Annotated[float, typer.Option(min=1.0, help="Mean, over all sites.")] = Hours.visits_per_minute,
    sample_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the evaluations without a decision to learn from.")
    ] = Hours.sample_rate,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same model.")] = Hours.seed,
    out: Annotated[Path, typer.Option(help="Folder of releases; the model goes to scorer/<version> in it.")] = Path(
        "releases"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train the scorer on hours of the simulated shop, judge it on visits held out, and write its release."""
    _require("torch", "onnx")
    # torch takes seconds to import and is not there for the stream.
    from models.training.network import Learning
    from models.training.scorer import Made, Source, train_scorer

    learning, plan = Learning(), Hours(hours, visits_per_minute, seed, sample_rate)
    made = Made(datetime.now(timezone.utc).replace(microsecond=0), code_version(), command(plan))
    source = Source(simulated_hours(plan), f"{hours:g} h of the simulated shop (seed {seed})", true_effect=true_effect)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{hours:g} h of the simulated shop", total=learning.epochs)
        folder = train_scorer(
            source,
            seed,
            out,
            made,
            learning,
            lambda epoch, loss: progress.update(task, completed=epoch, description=f"epoch {epoch}, loss {loss:.4f}"),
        )
    manifest = read_manifest(folder)
    if as_json:
        print(json.dumps({"release": str(folder), **manifest.model_dump(mode="json", include={"metrics", "gates"})}))
    else:
        _tell(folder, manifest)


def command(plan: Hours) -> str:
    """What trains on this plan again."""
    return (
        f"lam train scorer --hours {plan.hours:g} --visits-per-minute {plan.visits_per_minute:g} "
        f"--sample-rate {plan.sample_rate:g} --seed {plan.seed}"
    )


def _require(*names: str) -> None:
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise TrainingUnavailable(
            f"training needs {' and '.join(missing)}, which the stream does not: run `make install-train`, or "
            "`pip install 'lamstream[train]'`"
        )


def _tell(folder: Path, manifest: Manifest) -> None:
    for name, figure in manifest.metrics.items():
        print(f"{name:40} {figure:g}")
    for gate in manifest.gates:
        print(f"gate {gate.name:35} {gate.value:g} {gate.bound}: {'held' if gate.passed else 'NOT HELD'}")
    print(f"wrote {folder}, level {manifest.level}", file=sys.stderr)
