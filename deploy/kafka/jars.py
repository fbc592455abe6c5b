"""Where the jars of Apache Kafka come from: a folder given, the cache, or Maven."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.kafka.errors import KafkaUnavailable

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
JAVA_MINIMUM = 17
MAVEN_TIMEOUT_S = 600

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def kafka_version(pom: Path = POM) -> str:
    """The version of Kafka that the pom names."""
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", pom.read_text())
    if found is None:
        raise ValueError(f"{pom} has no <kafka.version>")
    return found.group(1)


def _run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MAVEN_TIMEOUT_S, check=False
    )


def _holds_kafka(folder: Path) -> bool:
    return any(folder.glob("kafka_2.13-*.jar")) and any(folder.glob("kafka-clients-*.jar"))


def cache_folder(env: Mapping[str, str]) -> Path:
    """The folder under the user's cache that keeps the jars of this version."""
    root = env.get("XDG_CACHE_HOME") or Path(env.get("HOME", tempfile.gettempdir())) / ".cache"
    return Path(root) / "lamstream" / f"kafka-{kafka_version()}"


def _copy_with_maven(maven: str, folder: Path, run: Run, *, offline: bool) -> str | None:
    """Fill `folder` at once or not at all; what went wrong, or None."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
        target = Path(scratch) / "libs"
        argv = [maven, "-q", "-B", *(["-o"] if offline else []), "-f", str(POM)]
        argv += ["dependency:copy-dependencies", f"-DoutputDirectory={target}"]
        try:
            done = run(argv)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0 or not _holds_kafka(target):
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            return said[0] if said else f"exit status {done.returncode}"
        try:
            target.rename(folder)
        except OSError:
            if not _holds_kafka(folder):  # another process was first, unless it is something else
                raise
    return None


def find_jars(env: Mapping[str, str] | None = None, run: Run = _run) -> Path:
    """The folder that holds Kafka's jars; fetched into the cache where it has to be.

    Raises KafkaUnavailable where there is no such folder and none can be fetched.
    """
    env = os.environ if env is None else env
    if given := env.get("LAM_KAFKA_LIBS"):
        if _holds_kafka(Path(given)):
            return Path(given)
        raise KafkaUnavailable(f"LAM_KAFKA_LIBS={given} holds no kafka_2.13 and kafka-clients jars")
    folder = cache_folder(env)
    if _holds_kafka(folder):
        return folder
    tried = [f"{folder} (absent)"]
    if maven := shutil.which("mvn", path=env.get("PATH")):
        for offline in (True, False):
            problem = _copy_with_maven(maven, folder, run, offline=offline)
            if problem is None:
                return folder
            tried.append(f"Maven {'from its local cache' if offline else 'online'} ({problem})")
    else:
        tried.append("Maven (no mvn on PATH)")
    raise KafkaUnavailable(
        f"no jars of Apache Kafka {kafka_version()}; tried {', '.join(tried)}. Install Maven with access to Maven "
        "Central, or set LAM_KAFKA_LIBS to the libs folder of a Kafka distribution, or LAM_KAFKA to a running broker"
    )


def find_java(env: Mapping[str, str] | None = None, run: Run = _run) -> str:
    """The `java` to run, from JAVA_HOME or PATH. Raises KafkaUnavailable where it is missing or older than 17."""
    env = os.environ if env is None else env
    at_home = Path(env["JAVA_HOME"]) / "bin" / "java" if env.get("JAVA_HOME") else None
    java = str(at_home) if at_home and at_home.exists() else shutil.which("java", path=env.get("PATH"))
    if java is None:
        raise KafkaUnavailable(f"no java in JAVA_HOME or on PATH: install Java {JAVA_MINIMUM} or newer")
    said = run([java, "-version"])
    found = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if found is None or int(found.group(1)) < JAVA_MINIMUM:
        version = found.group(1) if found else "of unknown version"
        raise KafkaUnavailable(f"{java} is Java {version}; Apache Kafka {kafka_version()} needs {JAVA_MINIMUM}")
    return java
