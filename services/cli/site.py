"""`lam site`: what holds for a site, what is known of it, and how to stop it."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from services.reading import newest
from services.site_configs import changed, default_config, publish
from topics.errors import ConfigurationError
from topics.settings import load_settings

site = typer.Typer(help="Show, change and stop sites.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Site = Annotated[str, typer.Argument(help="Id of the site.")]


@site.command("set")
def set_site(
    site_id: Site,
    mode: Annotated[str | None, typer.Option(help="How far interventions may go: active or limited_active.")] = None,
    profile: Annotated[str | None, typer.Option(help="default, aggressive or conservative.")] = None,
    vertical: Annotated[str | None, typer.Option(help="ecommerce, b2b, saas, financial, luxury or default.")] = None,
    kill: Annotated[bool | None, typer.Option("--kill/--no-kill", help="Stop everything on the site.")] = None,
    opted_in: Annotated[
        bool | None, typer.Option("--opted-in/--not-opted-in", help="Take ACTIVE and above before 100 sessions.")
    ] = None,
    holdout: Annotated[float | None, typer.Option(help="Share of visitors held out, .01 to .2.")] = None,
    forbid: Annotated[list[str] | None, typer.Option(help="An action never to take; may be given again.")] = None,
    allow: Annotated[list[str] | None, typer.Option(help="An action to forbid no longer; may be given again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given, and leave the rest as it is."""
    changes = {
        "mode": mode,
        "profile": profile,
        "vertical": vertical,
        "kill_switch": kill,
        "opted_in": opted_in,
        "holdout_share": holdout,
    }
    _change(site_id, changes, forbid or [], allow or [], as_json)


@site.command("stop")
def stop(site_id: Site, as_json: AsJson = False) -> None:
    """Stop everything on the site; `lam site set SITE --no-kill` lets it go on."""
    _change(site_id, {"kill_switch": True}, [], [], as_json)


@site.command("show")
def show(
    site_id: Annotated[str | None, typer.Argument(help="Id of the site; all where it is left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the config and the stage of a site, or of every site."""
    known = _known()
    if site_id is not None and site_id not in known:
        raise ConfigurationError(
            f"nothing is known of site {site_id!r}: no site-config, and no visit closed; `lam site list` tells which "
            "are known"
        )
    chosen = list(known.values()) if site_id is None else [known[site_id]]
    if as_json:
        print(json.dumps(chosen))
        return
    for one in chosen:
        print(one["site_id"])
        for part in ("config", "stage"):
            print(f"  {part}" if one[part] else f"  no {part}" + (": defaults hold" if part == "config" else ""))
            for name, value in (one[part] or {}).items():
                print(f"    {name:18} {_plain(value)}")


@site.command("list")
def list_sites(as_json: AsJson = False) -> None:
    """List every site with its mode and how many sessions it had."""
    known = _known()
    if as_json:
        print(json.dumps(list(known)))
        return
    for name, one in known.items():
        config, stage = one["config"] or default_config(name), one["stage"]
        state = "stopped" if config["kill_switch"] else config["mode"]
        print(f"{name:40} {state:14} {stage['sessions'] if stage else 0:>12} sessions")


def _change(site_id: str, changes: dict[str, Any], forbid: list[str], allow: list[str], as_json: bool) -> None:
    settings = load_settings()
    before = newest(settings, "site-config").get(site_id) or default_config(site_id)
    after = changed(before, changes, forbid, allow, time.time_ns() // 1_000_000)
    publish(settings, after)
    if as_json:
        print(json.dumps(after))
        return
    print(f"{site_id}: version {after['version']}")
    for name, value in after.items():
        if value != before[name] and name != "version":
            print(f"  {name}: {_plain(before[name])} -> {_plain(value)}")


def _known() -> dict[str, dict[str, Any]]:
    """Config and stage of each site that has one of them, by site."""
    settings = load_settings()
    configs, stages = newest(settings, "site-config"), newest(settings, "site-stage")
    return {
        name: {"site_id": name, "config": configs.get(name), "stage": stages.get(name)}
        for name in sorted({*configs, *stages})
    }


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)
