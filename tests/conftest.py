"""Brokers and data for tests, and the plain words on what was skipped and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

from deploy.kafka import KafkaUnavailable, broker_for_tests
from tests.kafka import NOT_RUN, Broker
from topics.embedded import embedded_broker

# What they found is told as in a test.
pytest.register_assert_rewrite(
    "tests.system.ledger", "tests.system.outcome", "tests.system.reading", "tests.system.recomputed"
)

# A kernel's first call loads or compiles it; how long an example takes says nothing here.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]
OF_TRAINING = ROOT / "tests" / "models" / "training"
SYSTEM_LIMIT_S = 900
SKIPS = pytest.StashKey[dict[str, str]]()


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap address of a real Kafka; where there is none the test is skipped, saying so."""
    try:
        with broker_for_tests() as bootstrap:
            yield bootstrap
    except KafkaUnavailable as reason:
        pytest.skip(f"{NOT_RUN}: {reason}")


@pytest.fixture
def embedded() -> Iterator[str]:
    """The bootstrap address of an embedded broker of the test's own."""
    with embedded_broker() as bootstrap:
        yield bootstrap


@pytest.fixture(params=["real", "embedded"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn: for contracts that hold on both."""
    if request.param == "real":
        return Broker(request.getfixturevalue("kafka"), transactional=True)
    return Broker(request.getfixturevalue("embedded"), transactional=False)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of public data sets: LAM_DATA, or `shared/data` beside the checkout."""
    folder = Path(os.environ.get("LAM_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"DATA NOT HERE: {folder} does not exist; set LAM_DATA to the folder of the data sets")
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--skips-to", metavar="FILE", help="write each skipped test and its reason to FILE, one a line")


@pytest.fixture(scope="session", autouse=True)
def _state_dir(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Snapshots of workers under test, and of processes they start, stay in the test's own folder."""
    os.environ["LAM_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SKIPS] = {}
    config.pluginmanager.register(_Skips(config.stash[SKIPS]))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where torch is not installed, tests of training are not even imported, unless they are what was asked for."""
    asked_for = config.getoption("markexpr") == "models"
    return True if collection_path == OF_TRAINING and not asked_for and find_spec("torch") is None else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if OF_TRAINING in item.path.parents:
            item.add_marker(pytest.mark.models)
        if (ROOT / "tests" / "system") in item.path.parents:
            item.add_marker(pytest.mark.system)
            item.add_marker(pytest.mark.timeout(SYSTEM_LIMIT_S))


class _Skips:
    """Collects the reason of each skipped test."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self.reasons = reasons

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.reasons[report.nodeid] = " ".join(text.removeprefix("Skipped: ").split())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for reason in sorted({r for r in config.stash[SKIPS].values() if r.startswith(NOT_RUN)}):
        terminalreporter.write_line(reason, yellow=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    # Of several processes the first is told of every test.
    if (target := session.config.getoption("--skips-to")) and not hasattr(session.config, "workerinput"):
        lines = [f"{test}\t{reason}\n" for test, reason in session.config.stash[SKIPS].items()]
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text("".join(lines))
