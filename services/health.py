"""What a worker says of itself over HTTP: /metrics, /healthz, /readyz. On a thread of its own, for reading only."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest

from topics.errors import ConfigurationError
from topics.settings import Settings
from topics.transport.standing import Standing

JSON = "application/json"


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


@contextmanager
def served(settings: Settings, standing: Standing) -> Iterator[str | None]:
    """The address of the server, which ends with the context; None where `LAM_METRICS_PORT` is empty.

    Raises ConfigurationError where the port cannot be had.
    """
    if settings.metrics_port is None:
        yield None
        return
    disable_created_metrics()  # type: ignore[no-untyped-call]
    paths: dict[str, Callable[[], Answer]] = {
        "/metrics": lambda: Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(standing.meter.registry)),
        "/healthz": lambda: health(standing, settings.poll_limit_s),
        "/readyz": lambda: readiness(standing),
    }
    try:
        server = ThreadingHTTPServer((settings.metrics_host, settings.metrics_port), _handler(paths))
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
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(paths: dict[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET of the known paths; of other methods the base class says that it has none."""

        timeout = 10

        def do_GET(self) -> None:
            answer = paths.get(self.path.partition("?")[0])
            self._send(_unknown(paths) if answer is None else answer())

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a scrape every few seconds is no news."""

    return Handler


def _unknown(paths: dict[str, Callable[[], Answer]]) -> Answer:
    return _json(HTTPStatus.NOT_FOUND, {"expected": sorted(paths)})


def _json(status: HTTPStatus, told: dict[str, Any]) -> Answer:
    return Answer(status, JSON, json.dumps(told).encode())
