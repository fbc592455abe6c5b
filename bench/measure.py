"""Runs one subject and measures it: records a second off a backlog, or its latency under a paced load."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from bench.proc import tree_cpu_seconds
from bench.rates import Sample, Throughput, TooFewCommits, throughput
from bench.subjects import INPUT, CauseOf, Subject
from bench.topics import ANSWER_TIMEOUT_S, PARTITIONS
from deploy import processes

START_TIMEOUT_S = 120.0
SAMPLE_S = 0.25
MASTER_KEY = "the key of every benchmark's draws"
NEARLY_ALL = 0.97  # of the backlog: from there on some partitions are empty


@dataclass(frozen=True)
class Plan:
    """How long and how much."""

    warmup_s: float = 10.0
    window_s: float = 60.0
    backlog: int = 12_000_000
    latency_warmup_s: float = 35.0
    """No visit is intervened on in its first 30 s."""


class SubjectFailed(RuntimeError):
    """The subject ended or did nothing. The message ends with the tail of its log."""


class Running:
    """A subject at work."""

    def __init__(self, subject: Subject, process: subprocess.Popen[bytes], bootstrap: str, prefix: str, log: Path):
        self.subject = subject
        self._process = process
        self._log = log
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
        self._group = prefix + subject.group
        # Not the admin client: in librdkafka 2.16 its listing of group offsets ends the process where the group's
        # coordinator is not known yet. This consumer never joins; uncommitted, it does not wait for open transactions.
        self._observer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": self._group,
                "isolation.level": "read_uncommitted",
                "enable.auto.commit": False,
                "log_level": 3,
            }
        )
        self._topic = prefix + INPUT

    def failed(self, what: str) -> SubjectFailed:
        return SubjectFailed(f"{self.subject.name} {what}:\n{processes.tail(self._log)}")

    def require_alive(self) -> None:
        status = self._process.poll()
        if status is not None:
            raise self.failed(f"ended with status {status}")

    def committed(self) -> int:
        """Sum of the group's committed offsets."""
        partitions = [TopicPartition(self._topic, p) for p in range(PARTITIONS)]
        answer = self._observer.committed(partitions, ANSWER_TIMEOUT_S)
        return sum(max(0, p.offset) for p in answer)

    def sample(self) -> Sample:
        self.require_alive()
        committed = self.committed()
        return Sample(time.monotonic(), committed, tree_cpu_seconds(self._process.pid))

    def await_commit(self) -> None:
        """Return when the group has committed something."""
        self._await(self._has_committed, "committed nothing")

    def await_membership(self) -> None:
        """Return when the group has formed and all partitions are given out."""
        self._await(self._is_member, "did not join its group")
        time.sleep(2 * SAMPLE_S)

    def _has_committed(self) -> bool:
        try:
            return self.committed() > 0
        except KafkaException:
            return False  # the group has no coordinator yet

    def _is_member(self) -> bool:
        try:
            described = self._admin.describe_consumer_groups([self._group])[self._group].result(ANSWER_TIMEOUT_S)
        except KafkaException:
            return False  # there is no such group yet
        given = sum(len(m.assignment.topic_partitions) for m in described.members if m.assignment)
        return described.state == ConsumerGroupState.STABLE and given >= PARTITIONS

    def _await(self, holds: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not holds():
            self.require_alive()
            if time.monotonic() > deadline:
                raise self.failed(f"{complaint} in {START_TIMEOUT_S:.0f} s")
            time.sleep(SAMPLE_S)


def subject_env(subject: Subject, bootstrap: str, prefix: str) -> dict[str, str]:
    """What a subject is told."""
    return {
        "LAM_BROKER": bootstrap,
        "LAM_PREFIX": prefix,
        "LAM_WORKER_ID": f"{prefix}{subject.name}",
        "LAM_METRICS_PORT": "0",
        "LAM_MASTER_KEY": MASTER_KEY,
        "PYTHONUNBUFFERED": "1",
        **(subject.env or {}),
    }


def prepare(subject: Subject, bootstrap: str, prefix: str) -> None:
    """Let the subject make its topics. Raises SubjectFailed where it cannot."""
    if subject.prepare:
        env = {**os.environ, **subject_env(subject, bootstrap, prefix)}
        done = subprocess.run(subject.prepare, env=env, check=False, stdout=sys.stderr)
        if done.returncode != 0:
            raise SubjectFailed(f"{' '.join(subject.prepare)} ended with status {done.returncode}")


@contextmanager
def running(subject: Subject, bootstrap: str, prefix: str) -> Iterator[Running]:
    """The subject as a process, which is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="lamstream-bench-") as scratch:
        log = Path(scratch) / "log"
        env = subject_env(subject, bootstrap, prefix) | {"LAM_STATE_DIR": scratch}
        process = processes.spawn(subject.command, log=log, env=env)
        try:
            yield Running(subject, process, bootstrap, prefix, log)
        finally:
            processes.stop(process)


def measure_throughput(subject: Subject, bootstrap: str, prefix: str, written: int, plan: Plan) -> Throughput:
    """Records a second and per CPU-second while the subject works off the `written` records that wait for it."""
    with running(subject, bootstrap, prefix) as worker:
        worker.await_commit()
        samples = [worker.sample()]
        begin = samples[0].at_s + plan.warmup_s
        while samples[-1].at_s < begin + plan.window_s and samples[-1].committed < NEARLY_ALL * written:
            time.sleep(SAMPLE_S)
            samples.append(worker.sample())
        try:
            return throughput([s for s in samples if s.at_s >= begin])
        except TooFewCommits as error:
            raise worker.failed(f"gave no rate ({error}; a larger backlog may help)") from error


def latency(bootstrap: str, topic: str, cause_of: CauseOf, *, skip_s: float, seconds: float) -> list[float]:
    """Milliseconds from the broker's append of an input record to the receipt of what it led to, committed.

    Reads `topic` from its end for `skip_s + seconds` and keeps what is received after the first `skip_s`. Outputs that
    name no cause are left out. Append time and receipt are read off the clock of one machine.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{topic}-latency",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
        }
    )
    ends = [
        TopicPartition(topic, p, consumer.get_watermark_offsets(TopicPartition(topic, p), ANSWER_TIMEOUT_S)[1])
        for p in range(PARTITIONS)
    ]
    consumer.assign(ends)
    start, waited = time.monotonic(), []
    while (now := time.monotonic()) < start + skip_s + seconds:
        message = consumer.poll(0.1)
        received_ms = time.time() * 1000
        if message is None or message.error() is not None or now < start + skip_s:
            continue
        if (cause_ms := cause_of(message)) is not None:
            waited.append(received_ms - cause_ms)
    consumer.close()
    return waited


def measure_latency(subject: Subject, bootstrap: str, prefix: str, rate: float, plan: Plan) -> list[float]:
    """The latencies, in ms, of the outputs at `rate` records a second; none where nothing came out in the window."""
    with running(subject, bootstrap, prefix) as worker, tempfile.TemporaryDirectory() as scratch:
        worker.await_membership()
        seconds = plan.latency_warmup_s + plan.window_s
        command = [sys.executable, "-m", "bench.load", bootstrap, prefix + INPUT, "--rate", str(rate)]
        load = processes.spawn([*command, "--seconds", str(seconds)], log=Path(scratch) / "log")
        try:
            waited = latency(
                bootstrap,
                prefix + subject.output,
                subject.cause_of,
                skip_s=plan.latency_warmup_s,
                seconds=plan.window_s,
            )
        finally:
            processes.stop(load)
        worker.require_alive()
        return waited
