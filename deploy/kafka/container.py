"""Apache Kafka in a container, for machines with a container engine and no Java."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy import processes
from deploy.kafka.errors import KafkaFailed, KafkaUnavailable
from deploy.kafka.jars import kafka_version
from deploy.kafka.server import HOST, broker_settings, free_port

ENGINES = ("docker", "podman")
START_TIMEOUT_S = 180.0  # an image may have to be fetched first


def find_engine() -> str:
    """The container engine whose service answers. Raises KafkaUnavailable where none does."""
    for engine in ENGINES:
        command = shutil.which(engine)
        if command is not None and _answers(command):
            return command
    raise KafkaUnavailable(f"no container engine answers (tried {', '.join(ENGINES)})")


def _answers(command: str) -> bool:
    try:
        asked = subprocess.run(
            [command, "info"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _environment(port: int) -> dict[str, str]:
    """The settings as the image takes them: KAFKA_ and the property's name in capitals with underscores."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        **broker_settings(1),
    }
    return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in settings.items()}


@contextmanager
def container_kafka() -> Iterator[str]:
    """The address of one broker in a container that is removed at the end. Raises KafkaUnavailable, KafkaFailed."""
    engine = find_engine()
    port = free_port()
    name = f"lamstream-kafka-{uuid.uuid4().hex[:12]}"
    options = [word for item in _environment(port).items() for word in ("-e", "=".join(item))]
    publish = ["-p", f"{HOST}:{port}:{port}"]
    command = [engine, "run", "--rm", "--name", name, *publish, *options, f"docker.io/apache/kafka:{kafka_version()}"]
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "container.log"
        # SIGTERM is handed on to the container by the engine's client; SIGKILL would leave it behind.
        client = processes.spawn(command, log=log, death_signal=signal.SIGTERM)
        try:
            _await_broker(f"{HOST}:{port}", client, log)
            yield f"{HOST}:{port}"
        finally:
            subprocess.run([engine, "rm", "--force", name], capture_output=True, check=False)
            processes.stop(client)


def _await_broker(bootstrap: str, client: subprocess.Popen[bytes], log: Path) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            admin.list_topics(timeout=1)
        except KafkaException as error:
            if client.poll() is not None or time.monotonic() > deadline:
                raise KafkaFailed(f"the container does not answer:\n{processes.tail(log)}") from error
        else:
            return
