"""`python -m deploy.kafka start|stop|status`: one Kafka in the background, its data kept under `.run/kafka`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from deploy.kafka.errors import KafkaFailed, KafkaUnavailable
from deploy.kafka.server import KafkaServer

RUN = Path(__file__).parents[2] / ".run" / "kafka"
STATE = RUN / "state.json"
STOP_TIMEOUT_S = 30.0


def _is_ours(pid: int, config: str) -> bool:
    """Whether the process runs this broker: a pid alone may have been given to another program since."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    command = Path(f"/proc/{pid}/cmdline")
    return not command.exists() or config.encode() in command.read_bytes()


def _state() -> dict[str, Any] | None:
    """What runs, as `start` wrote it; None where no broker of it is alive."""
    if not STATE.exists():
        return None
    state: dict[str, Any] = json.loads(STATE.read_text())
    state["processes"] = [p for p in state["processes"] if _is_ours(p["pid"], p["config"])]
    return state if state["processes"] else None


def _advice(bootstrap: str) -> str:
    use = f"  export LAM_KAFKA={bootstrap}"
    return f"Kafka answers on {bootstrap}. Use it with:\n\n{use}\n\nand stop it with `make kafka-stop`."


def start(brokers: int, port: int) -> str:
    """Start it unless it runs; what to tell the user."""
    state = _state()
    if state is not None and len(state["processes"]) == state["brokers"]:
        return _advice(state["bootstrap"])
    stop()
    folder = RUN / f"{brokers}-brokers"
    server = KafkaServer(brokers, port=port, folder=folder, detached=True)
    server.start()
    processes = [{"pid": server.pids[n.number], "config": str(n.config)} for n in server.nodes]
    STATE.write_text(json.dumps({"bootstrap": server.bootstrap, "brokers": brokers, "processes": processes}))
    return _advice(server.bootstrap)


def stop() -> str:
    """Stop what runs; its data stays for the next start."""
    state = _state()
    if state is None:
        STATE.unlink(missing_ok=True)
        return "Kafka does not run."
    for broker in state["processes"]:
        os.kill(broker["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while _state() is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    for broker in (_state() or {"processes": []})["processes"]:
        os.kill(broker["pid"], signal.SIGKILL)
    STATE.unlink(missing_ok=True)
    return "Kafka is stopped; its data stays under .run/kafka until `make clean`."


def status() -> str:
    state = _state()
    return "Kafka does not run." if state is None else _advice(state["bootstrap"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka", description=__doc__)
    parser.add_argument("action", choices=("start", "stop", "status"))
    parser.add_argument("--brokers", type=int, default=1, help="number of brokers (default 1)")
    parser.add_argument("--port", type=int, default=9092, help="port of the first broker (default 9092)")
    options = parser.parse_args()
    try:
        if options.action == "start":
            print(start(options.brokers, options.port))
        elif options.action == "stop":
            print(stop())
        else:
            print(status())
    except (KafkaUnavailable, KafkaFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
