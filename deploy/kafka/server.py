"""Apache Kafka brokers on the loopback, started from jars, that a test can kill, pause and restart one by one."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy import processes
from deploy.kafka.errors import KafkaFailed
from deploy.kafka.jars import HERE, find_jars, find_java

HOST = "127.0.0.1"
START_TIMEOUT_S = 60.0
POLL_S = 0.1
SCRATCH_PREFIX = "lamstream-kafka-"
ABORT_CHECK_MS = 1_000


def free_port() -> int:
    """A port of the loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left by a broker counts as free
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise KafkaFailed(f"port {port} of {HOST} is taken: stop what listens there or choose another") from error


def new_cluster_id() -> str:
    """A cluster id in Kafka's own form: 22 characters of URL-safe base64, never with a leading dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


@dataclass(frozen=True)
class Node:
    """One process that is broker and controller."""

    number: int  # from 0; the node id is one more
    port: int
    controller_port: int
    folder: Path

    @property
    def node_id(self) -> int:
        return self.number + 1

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / "server.properties"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def data(self) -> Path:
        return self.folder / "data"


def broker_settings(brokers: int) -> dict[str, str]:
    """What holds for every broker, here and in a container: quick to start, quick to rebalance."""
    replicas = str(min(brokers, 3))
    in_sync = str(min(brokers, 2))
    return {
        "auto.create.topics.enable": "false",
        "num.partitions": "4",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # How often the broker looks for transactions whose time is over; by default every 10 s.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": str(ABORT_CHECK_MS),
        # A broker is let in at a heartbeat, and one that was killed only after its old session has ended.
        "broker.heartbeat.interval.ms": "250",
        "broker.session.timeout.ms": "4000",
    }


def node_settings(node: Node, nodes: list[Node]) -> dict[str, str]:
    """What holds for this node of these nodes."""
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.node_id),
        "controller.quorum.voters": ",".join(f"{n.node_id}@{HOST}:{n.controller_port}" for n in nodes),
        "listeners": f"PLAINTEXT://{node.bootstrap},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{node.bootstrap}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(node.data),
    }


def properties_text(settings: Mapping[str, str]) -> str:
    """Java properties, one a line."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _remove_orphans(root: Path) -> None:
    """Remove data folders left by processes that were killed; their name holds the owner's pid."""
    for folder in root.glob(f"{SCRATCH_PREFIX}*"):
        owner = folder.name.removeprefix(SCRATCH_PREFIX).split("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class KafkaServer:
    """`brokers` combined KRaft nodes.

    Without `folder` the data lies in a temporary folder and goes with the server; with it, it stays and is used again.
    With `port`, the brokers listen there and on the ports that follow. `properties` override the settings of every
    node. A `detached` server outlives this process. Raises KafkaUnavailable where Java or the jars are missing, and
    KafkaFailed where it does not start.
    """

    def __init__(
        self,
        brokers: int = 1,
        *,
        port: int | None = None,
        folder: Path | None = None,
        properties: Mapping[str, str] | None = None,
        heap_mb: int = 512,
        detached: bool = False,
    ) -> None:
        self._java = find_java()
        self._classpath = f"{find_jars()}/*"
        self._heap_mb = heap_mb
        self._detached = detached
        self._scratch = folder is None
        if folder is None:
            _remove_orphans(Path(tempfile.gettempdir()))
            folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-"))
        self.folder = folder
        self.nodes = [
            Node(i, free_port() if port is None else port + i, free_port(), folder / f"node-{i + 1}")
            for i in range(brokers)
        ]
        self._settings = {**broker_settings(brokers), **(properties or {})}
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def bootstrap(self) -> str:
        """All brokers, as `host:port,host:port`."""
        return ",".join(node.bootstrap for node in self.nodes)

    @property
    def pids(self) -> dict[int, int]:
        """The process of each broker that was started."""
        return {number: process.pid for number, process in self._running.items()}

    def __enter__(self) -> KafkaServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Format what is new, start every broker, and return when all of them answer."""
        try:
            for node in self.nodes:
                _require_free(node.port)
            self._format()
            for node in self.nodes:
                self._launch(node)
            self._await_brokers(self.nodes, len(self.nodes))
        except BaseException:
            self.stop(grace_s=0.0)
            raise

    def stop(self, grace_s: float = 20.0) -> None:
        """Stop every broker, and remove the data where it is temporary."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._running.values():
            processes.stop(process, grace_s=grace_s)
        self._running.clear()
        if self._scratch:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self, broker: int = 0) -> None:
        """End a broker as a power cut would: SIGKILL, no flush, no farewell."""
        self._running[broker].kill()
        self._running[broker].wait()

    def pause(self, broker: int = 0) -> None:
        """Freeze a broker: its connections stay open and nothing answers."""
        self._running[broker].send_signal(signal.SIGSTOP)

    def resume(self, broker: int = 0) -> None:
        """Let a frozen broker go on."""
        self._running[broker].send_signal(signal.SIGCONT)

    def restart(self, broker: int = 0) -> None:
        """Stop the broker if it runs, start it on its data and port, and return when it answers."""
        processes.stop(self._running[broker])
        self._launch(self.nodes[broker])
        up = sum(process.poll() is None for process in self._running.values())
        self._await_brokers([self.nodes[broker]], up)

    def _java_command(self, main: str, *arguments: str, heap_mb: int) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        heap = [f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m"]
        collector = ["-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]
        return [self._java, *heap, *collector, logging, "-cp", self._classpath, main, *arguments]

    def _format(self) -> None:
        cluster_id = new_cluster_id()
        formats = []
        for node in self.nodes:
            node.folder.mkdir(parents=True, exist_ok=True)
            node.config.write_text(properties_text({**node_settings(node, self.nodes), **self._settings}))
            if not (node.data / "meta.properties").exists():
                arguments = ("format", "--cluster-id", cluster_id, "--config", str(node.config))
                command = self._java_command("kafka.tools.StorageTool", *arguments, heap_mb=64)
                formats.append((node, processes.spawn(command, log=node.log)))
        for node, process in formats:
            if process.wait(START_TIMEOUT_S) != 0:
                raise KafkaFailed(f"formatting {node.data} failed:\n{processes.tail(node.log)}")

    def _launch(self, node: Node) -> None:
        command = self._java_command("kafka.Kafka", str(node.config), heap_mb=self._heap_mb)
        self._running[node.number] = processes.spawn(command, log=node.log, detached=self._detached)

    def _await_brokers(self, nodes: list[Node], expected: int) -> None:
        """Return when each of `nodes` names at least `expected` brokers, itself among them."""
        deadline = time.monotonic() + START_TIMEOUT_S
        for node in nodes:
            admin = AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200})
            while not _names(admin, node.node_id, expected):
                status = self._running[node.number].poll()
                if status is not None or time.monotonic() > deadline:
                    what = f"ended with status {status}" if status is not None else "does not answer"
                    raise KafkaFailed(f"broker {node.number} {what}:\n{processes.tail(node.log)}")
                time.sleep(POLL_S)


def _names(admin: AdminClient, node_id: int, expected: int) -> bool:
    try:
        brokers = admin.list_topics(timeout=1).brokers
    except KafkaException:
        return False
    return node_id in brokers and len(brokers) >= expected
