"""What operators say of sites: a site-config as it stands, changed, checked, and published as the next version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from models.actions import TIER_OF_ACTION
from schemas.encoder import Encoder
from schemas.errors import UnfitRecord
from schemas.record_type import record_type
from schemas.validation import violations
from services.publishing import Publisher
from topics.errors import ConfigurationError
from topics.settings import Settings

RECORD = record_type("site-config")

Config = dict[str, Any]


def default_config(site_id: str) -> Config:
    """What holds for a site of which no operator said anything; version 0."""
    given = {"site_id": site_id, "version": 0}
    fields = RECORD.tree["fields"]
    return given | {field["name"]: _default(field) for field in fields if field["name"] not in given}


def changed(
    config: Config, changes: Mapping[str, Any], forbid: Sequence[str], allow: Sequence[str], now_ms: int
) -> Config:
    """The config's next version: `changes` by field, those that are None left out, and actions forbidden or allowed.

    Versions rise, and are times in ms where that is higher: of two operators who change a site at once, the later one
    counts. Raises ConfigurationError for an action that does not exist, UnfitRecord for a value that its field does
    not admit.
    """
    # no_op is no action of a tier, and cannot be forbidden (DOMAIN 7).
    unknown = sorted({*forbid, *allow} - set(TIER_OF_ACTION))
    if unknown:
        raise ConfigurationError(f"found no action {', '.join(unknown)}; expected any of {', '.join(TIER_OF_ACTION)}")
    after = {
        **config,
        **{name: value for name, value in changes.items() if value is not None},
        "version": max(config["version"] + 1, now_ms),
        "forbidden_actions": sorted({*config["forbidden_actions"], *forbid} - set(allow)),
    }
    _check(after)
    return after


def publish(settings: Settings, config: Config) -> None:
    """Make it the site's config. Raises NotDelivered where the broker did not take it."""
    publisher = Publisher(settings, "site-config")
    publisher.publish(config)
    publisher.flush()


def _default(field: dict[str, Any]) -> Any:
    """A field's default; of an enum the symbol that stands for unknown ones."""
    return field["default"] if "default" in field else field["type"]["default"]


def _check(config: Config) -> None:
    Encoder(RECORD).encode(config)
    for bad in violations(pa.RecordBatch.from_pylist([config], schema=RECORD.arrow_schema), RECORD):
        raise UnfitRecord(f"site {config['site_id']!r}: {bad.message}; nothing was changed")
