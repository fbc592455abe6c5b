"""The settings of a process: typed, from `LAM_*` in the environment and an optional TOML file (`LAM_CONFIG`)."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from topics.errors import ConfigurationError

CLIENT_PROPERTY_PREFIX = "LAM_CLIENT_"
OFFSETS_S = 5.0
"""How long the group's coordinator may take to add offsets to a transaction."""
GRACE_S = 1.0
"""What a call that has a limit of its own may take beyond it."""
SECRET_WORDS = ("password", "secret", "token", "key.pem", "key.password", "sasl.jaas", "oauthbearer")


class Guarantee(str, Enum):
    """What a commit promises: everything once, or everything at least once (all that the embedded broker can do)."""

    EXACTLY_ONCE = "exactly_once"
    AT_LEAST_ONCE = "at_least_once"


class Clock(str, Enum):
    """Where arrival comes from: the collector or the broker (`wall`), or the records alone (`event`, for replays)."""

    WALL = "wall"
    EVENT = "event"


class Posteriors(str, Enum):
    """Whether decisions go by what rewards said of arms, or keep to priors."""

    LEARNING = "learning"
    FROZEN = "frozen"


class UnknownSchemaPolicy(str, Enum):
    """What happens to a record whose writer's schema does not turn up in time."""

    STOP = "stop"
    DLQ = "dlq"


class Settings(BaseSettings):
    """Every setting of a worker. A name `x_y` is read from `LAM_X_Y`."""

    model_config = SettingsConfigDict(env_prefix="LAM_", extra="forbid", frozen=True)

    broker: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, host:port[,host:port...].")
    prefix: str = Field(
        "", description="Put before every topic, group and transactional id, so instances share a broker."
    )
    worker_id: str | None = Field(None, description="Identity of this worker, stable over restarts; required.")
    guarantee: Guarantee = Field(Guarantee.EXACTLY_ONCE, description="exactly_once needs a real Kafka.")
    clock: Clock = Field(Clock.WALL, description="event for replays: time is what the records say.")

    master_key: SecretStr | None = Field(
        None, description="Key of every draw and bucket, hex or text of 16 bytes at least; the same on every worker."
    )

    posteriors: Posteriors = Field(
        Posteriors.LEARNING, description="frozen: decisions keep to priors, whatever rewards say."
    )

    state_dir: Path = Field(
        Path("~/.local/state/lamstream"),
        description="Folder of local snapshots of state, for a fast restart; without them changelogs are read whole.",
    )

    partitions: int = Field(12, ge=1, description="Partitions of topics that lam topics apply creates.")
    replication: int = Field(1, ge=1, description="Replicas of topics that lam topics apply creates.")

    lateness_s: float = Field(
        60, ge=0, description="An event older than the watermark less this is counted, not folded."
    )
    timer_slack_s: float = Field(2, ge=0, description="Timers wait this long past their deadline for events in flight.")
    activity_interval_s: float = Field(
        10, gt=0, description="Event time after which others are told how far a source's watermark has come."
    )
    idle_s: float = Field(5, gt=0, description="A partition read to its end for so long follows the clock.")

    poll_records: int = Field(10_000, ge=1, description="Records taken by one poll at most.")
    poll_s: float = Field(0.05, gt=0, description="Longest wait of one poll.")
    tick_s: float = Field(1, gt=0, description="Without records an empty batch passes the time this often.")
    commit_s: float = Field(0.1, gt=0, description="Longest time between two commits while there is work.")
    commit_urgent_s: float = Field(0.03, gt=0, description="The same while an intervention waits.")
    batch_timeout_s: float = Field(5, gt=0, description="A batch not completed in this time fails the cycle.")
    poll_limit_s: float = Field(
        90,
        gt=0,
        description="max.poll.interval: a worker that polls no more loses its partitions; who joins waits no longer.",
    )
    session_timeout_s: float = Field(45, gt=0, description="A silent worker loses its partitions after this.")
    transaction_timeout_s: float = Field(
        15, gt=0, description="The broker aborts a silent worker's transaction after this."
    )
    request_timeout_s: float = Field(30, gt=0, description="Longest wait for one answer of the broker.")

    metrics_port: int | None = Field(
        9464, ge=0, le=65_535, description="Port of /metrics, /healthz and /readyz; 0 is any free one, empty none."
    )
    metrics_host: str = Field("127.0.0.1", description="Address they are bound to; 0.0.0.0 for scrapes from outside.")

    unknown_schema: UnknownSchemaPolicy = Field(
        UnknownSchemaPolicy.STOP, description="stop the worker, or dlq the record."
    )
    unknown_schema_wait_s: float = Field(30, ge=0, description="How long a schema may take to turn up.")
    breaker_ratio: float = Field(0.5, gt=0, le=1, description="Share of invalid records that stops a partition.")
    breaker_window: int = Field(1000, ge=1, description="Records over which that share is taken.")
    breaker_run: int = Field(500, ge=1, description="Invalid records in a row that stop a partition.")

    poison_run: int = Field(
        10, ge=1, description="Records in a row on which an agent fails, each alone, that stop the worker."
    )

    @field_validator("metrics_port", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _a_turn_fits_between_two_polls(self) -> Settings:
        if self.agents_s < self.batch_timeout_s:
            others_s, needed_s = self.poll_limit_s - self.agents_s, self.batch_timeout_s
            raise ValueError(
                f"LAM_UNKNOWN_SCHEMA_WAIT_S, LAM_TRANSACTION_TIMEOUT_S and {OFFSETS_S + GRACE_S:g} s for offsets are "
                f"{others_s:g} s, LAM_BATCH_TIMEOUT_S is {needed_s:g} s; together they must not exceed "
                f"LAM_POLL_LIMIT_S ({self.poll_limit_s:g} s), or the group takes the partitions of a worker that waits"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file before defaults."""
        path = os.environ.get("LAM_CONFIG")
        if path is None:
            return init_settings, env_settings
        if not Path(path).is_file():
            raise ConfigurationError(f"LAM_CONFIG names {path!r}, which is no file; name a TOML file or unset it")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(path))

    @property
    def exactly_once(self) -> bool:
        """Whether commits are transactions."""
        return self.guarantee is Guarantee.EXACTLY_ONCE

    @property
    def agents_s(self) -> float:
        """How long all batches of a turn may take together (s): what a schema that is waited for and a commit leave of
        the time between two polls.
        """
        return self.poll_limit_s - self.unknown_schema_wait_s - self.transaction_timeout_s - OFFSETS_S - GRACE_S

    @property
    def master(self) -> str:
        """The master key as it was set.

        Raises ConfigurationError where none is: workers with keys of their own would draw differently.
        """
        if self.master_key is None:
            raise ConfigurationError(
                "LAM_MASTER_KEY is not set: every draw and holdout bucket comes from it, the same on every worker; set "
                "it, for example to the output of `openssl rand -hex 32`"
            )
        return self.master_key.get_secret_value()

    @property
    def group_id(self) -> str:
        """The consumer group of every worker, by its full name: one group reads for all agents."""
        return f"{self.prefix}lamstream"

    @property
    def identity(self) -> str:
        """The worker's id.

        Raises ConfigurationError where none is set: two workers that made up the same one would fence each other.
        """
        if not self.worker_id:
            raise ConfigurationError(
                "LAM_WORKER_ID is not set: a worker needs an id that is its own and stays the same over restarts "
                "(a pod's ordinal name, a host name); set it, for example LAM_WORKER_ID=worker-0"
            )
        return self.worker_id


def load_settings(**overrides: Any) -> Settings:
    """The settings in force.

    Raises ConfigurationError naming each setting that does not hold, what was found and what is expected.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [
            f"LAM_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']} (found {problem['input']!r})"
            for problem in error.errors()
        ]
        raise ConfigurationError("settings that do not hold:\n  " + "\n  ".join(lines)) from None


def client_properties() -> dict[str, str]:
    """Kafka client properties passed through: `LAM_CLIENT_SASL_USERNAME` becomes `sasl.username`."""
    return {
        name[len(CLIENT_PROPERTY_PREFIX) :].lower().replace("_", "."): value
        for name, value in os.environ.items()
        if name.startswith(CLIENT_PROPERTY_PREFIX)
    }


def is_secret(name: str) -> bool:
    """Whether the value of a client property must not be shown."""
    return any(word in name for word in SECRET_WORDS)
