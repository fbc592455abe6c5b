"""What a worker says of itself over HTTP: /metrics, /healthz, /readyz; and, asked on its own machine, /drain.

On threads of its own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest

from services.draining import Draining, Progress, State
from topics.errors import ConfigurationError
from topics.settings import Settings
from topics.transport.standing import Standing

JSON = "application/json"

DRAIN = "/drain"
DRAIN_STATUS = {
    State.STARTING: HTTPStatus.SERVICE_UNAVAILABLE,
    State.DRAINING: HTTPStatus.ACCEPTED,
    State.LEFT: HTTPStatus.OK,
    State.UNCONFIRMED: HTTPStatus.BAD_GATEWAY,
}

Paths = Mapping[str, Callable[[], "Answer"]]


class Answer(NamedTuple):
    """What a path answers."""

    status: HTTPStatus
    kind: str
    body: bytes


def health(standing: Standing, limit_s: float) -> Answer:
    """200 while the cycle turned within the last `limit_s`, else 503: a supervisor should restart the worker."""
    ago = standing.turned_ago_s
    told = {"turned_ago_s": round(ago, 3), "limit_s": limit_s}
    return _json(HTTPStatus.OK if ago <= limit_s else HTTPStatus.SERVICE_UNAVAILABLE, told)


def readiness(standing: Standing) -> Answer:
    """200 when the group was joined and every partition it gave is whole, else 503 with what is still restored."""
    told = {
        "joined": standing.meter.joined,
        "partitions": len(standing.partitions),
        "restoring": [one._asdict() for one in standing.restores()],
    }
    return _json(HTTPStatus.OK if standing.ready else HTTPStatus.SERVICE_UNAVAILABLE, told)


def drained(progress: Progress) -> Answer:
    """200 when the worker left its group, 202 or 503 where to ask again, 502 where the group does not confirm it."""
    return _json(DRAIN_STATUS[progress.state], progress._asdict())


@contextmanager
def served(settings: Settings, standing: Standing, draining: Draining | None = None) -> Iterator[str | None]:
    """The address of the server, which ends with the context; None where `LAM_METRICS_PORT` is empty.

    Where the worker was drained the server stays until one who asked was told.

    Raises ConfigurationError where the port cannot be had.
    """
    if settings.metrics_port is None:
        yield None
        return
    disable_created_metrics()  # type: ignore[no-untyped-call]
    told: Paths = {
        "/metrics": lambda: Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(standing.meter.registry)),
        "/healthz": lambda: health(standing, settings.poll_limit_s),
        "/readyz": lambda: readiness(standing),
    }
    done: Paths = {} if draining is None else {DRAIN: lambda: drained(draining.ask())}
    try:
        server = ThreadingHTTPServer((settings.metrics_host, settings.metrics_port), _handler(told, done))
    except OSError as problem:
        raise ConfigurationError(
            f"LAM_METRICS_PORT is {settings.metrics_port}, and {settings.metrics_host} does not give it "
            f"({problem.strerror or problem}); set another, 0 for any that is free, or nothing for no server"
        ) from problem
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="lamstream-health", daemon=True)
    thread.start()
    try:
        yield f"http://{server.server_address[0]!s}:{server.server_address[1]}"
    finally:
        if draining is not None:
            draining.wait_until_told()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(told: Paths, done: Paths) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET of what is told, and POST of what is done; of other methods the base class says it has none."""

        timeout = 10

        def do_GET(self) -> None:
            self._send(self._answer(told))

        def do_POST(self) -> None:
            # A browser says where a page that posts is from; none has business here, not even one on this machine.
            local = is_loopback(self.client_address[0]) and "Origin" not in self.headers
            self._send(self._answer(done) if local else _refused())

        def _answer(self, paths: Paths) -> Answer:
            answer = paths.get(self.path.partition("?")[0])
            return _unknown(paths) if answer is None else answer()

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a scrape every few seconds is no news."""

    return Handler


def is_loopback(host: str) -> bool:
    """Whether an address is of this machine's loopback, IPv4 within IPv6 included."""
    address = ip_address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _unknown(paths: Paths) -> Answer:
    return _json(HTTPStatus.NOT_FOUND, {"expected": sorted(paths)})


def _refused() -> Answer:
    return _json(HTTPStatus.FORBIDDEN, {"expected": "a request from this machine's loopback, from no browser"})


def _json(status: HTTPStatus, told: dict[str, Any]) -> Answer:
    return Answer(status, JSON, json.dumps(told).encode())
