"""Settings: typed, from the environment before the file, with errors that teach."""

from __future__ import annotations

from pathlib import Path

import pytest

from topics.errors import ConfigurationError
from topics.settings import client_properties, is_secret, load_settings


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A value in both is the environment's; one in the file alone is the file's."""
    file = tmp_path / "lam.toml"
    file.write_text('broker = "file:1"\npartitions = 3\n')
    monkeypatch.setenv("LAM_CONFIG", str(file))
    monkeypatch.setenv("LAM_BROKER", "environment:1")
    settings = load_settings()
    assert (settings.broker, settings.partitions) == ("environment:1", 3)


def test_a_file_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped path is not silently the defaults."""
    monkeypatch.setenv("LAM_CONFIG", "/nowhere/lam.toml")
    with pytest.raises(ConfigurationError, match="which is no file"):
        load_settings()


def test_a_wrong_value_is_named_with_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable, the rule and the value."""
    monkeypatch.setenv("LAM_PARTITIONS", "none")
    with pytest.raises(ConfigurationError, match=r"LAM_PARTITIONS: .* integer.*found 'none'"):
        load_settings()


def test_a_turn_that_does_not_fit_between_two_polls_is_refused() -> None:
    """What a schema that is waited for, a commit and one batch may take is known; the rest is the agents'."""
    settings = load_settings(poll_limit_s=60, unknown_schema_wait_s=20, transaction_timeout_s=10, batch_timeout_s=24)
    assert settings.agents_s == 24
    assert load_settings().agents_s > load_settings().batch_timeout_s
    with pytest.raises(ConfigurationError, match=r"are 36 s, LAM_BATCH_TIMEOUT_S is 24.5 s.*LAM_POLL_LIMIT_S \(60 s\)"):
        load_settings(poll_limit_s=60, unknown_schema_wait_s=20, transaction_timeout_s=10, batch_timeout_s=24.5)


def test_a_worker_without_identity_is_refused() -> None:
    """Two workers that made up the same id would fence each other."""
    with pytest.raises(ConfigurationError, match="LAM_WORKER_ID is not set"):
        _ = load_settings().identity


def test_client_properties_pass_through_and_secrets_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """LAM_CLIENT_SASL_PASSWORD becomes sasl.password, and is a secret."""
    monkeypatch.setenv("LAM_CLIENT_SASL_PASSWORD", "s3cret")
    assert client_properties() == {"sasl.password": "s3cret"}
    assert is_secret("sasl.password")
    assert not is_secret("security.protocol")
