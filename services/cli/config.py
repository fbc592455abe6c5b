"""`lam config`: the settings in force and where each comes from."""

from __future__ import annotations

import json
import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from topics.settings import CLIENT_PROPERTY_PREFIX, Settings, client_properties, is_secret, load_settings

HIDDEN = "(hidden)"


def config(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print every setting with its origin; secrets are hidden."""
    settings = load_settings()
    rows = [
        {"name": f"LAM_{name.upper()}", "value": _plain(getattr(settings, name)), "origin": _origin(name, settings)}
        for name in Settings.model_fields
    ]
    for name, value in client_properties().items():
        variable = CLIENT_PROPERTY_PREFIX + name.upper().replace(".", "_")
        rows.append({"name": variable, "value": HIDDEN if is_secret(name) else value, "origin": "environment"})
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['name']:34} {row['value']!s:28} {row['origin']}")
    print("\nWhat each is for: docs/operations.md")


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _origin(name: str, settings: Settings) -> str:
    if f"LAM_{name.upper()}" in os.environ:
        return "environment"
    return os.environ.get("LAM_CONFIG", "default") if name in settings.model_fields_set else "default"
