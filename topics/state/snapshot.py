"""A partition's states as one local file, with the offsets of the changelogs at which they stand.

A file holds: MAGIC, whose last byte is the version of the format; one Arrow IPC stream (lz4) a state; a head as JSON;
the head's length; the SHA-256 of all before it. It is written under another name and put in place whole. What a crash
or a disk left of it is found by the digest, so nothing is forced to disk: a file that is lost costs a longer restore.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import quote

import pyarrow as pa

from topics.errors import SnapshotUnusable
from topics.faults import Point, reach
from topics.settings import Settings
from topics.table import CHANGELOG_DELETES_KEPT_MS

MAGIC = b"LAMSNAP\x01"
LENGTH = struct.Struct("<Q")
DIGEST_BYTES = hashlib.sha256().digest_size
SUFFIX = ".snapshot"
UNFINISHED = ".unfinished"
CLOCK_STEP_S = 3600.0
"""How far a machine's clock may be set back or forth, and how long a restore may take."""
LONGEST_AGE_S = CHANGELOG_DELETES_KEPT_MS / 1000 - CLOCK_STEP_S
"""A key deleted after the snapshot is known by its record in the changelog, which compaction drops after that time; an
older snapshot would bring the key back."""


class LogPosition(NamedTuple):
    """A place in a changelog: the topic, the id that it was given when it was made, and an offset."""

    topic: str
    topic_id: str
    offset: int


@dataclass(frozen=True)
class Head:
    """What a snapshot says of itself.

    `changelogs`: for each state, the place up to which its changelog is contained; records behind it may be as well.
    `taken_at` is when (seconds since the epoch) these places were asked for, which is before the states were copied.
    """

    group: str
    partition: int
    taken_at: float
    watermark: int
    sources: Mapping[str, int]
    changelogs: Mapping[str, LogPosition]


class Stored:
    """A snapshot that was found whole; `block` reads a state's rows."""

    def __init__(self, head: Head, content: pa.Buffer, places: Mapping[str, tuple[int, int]]) -> None:
        self.head = head
        self._content = content
        self._places = places

    def block(self, state: str) -> pa.RecordBatch:
        """The rows of a state, as its `block` gave them: at once, so that the state makes room once."""
        begin, length = self._places[state]
        with pa.ipc.open_stream(pa.BufferReader(self._content.slice(begin, length))) as stream:
            return stream.read_next_batch()


def folder(settings: Settings, cluster_id: str) -> Path:
    """Where this worker keeps the snapshots of its partitions: one folder a cluster, group and worker."""
    # Not Path.expanduser, which raises where a user has no home.
    place = Path(os.path.expanduser(settings.state_dir))
    return place / quote(f"{cluster_id}_{settings.group_id}_{settings.identity}", safe="")


def path_of(place: Path, group: str, partition: int) -> Path:
    """The file of a partition in a worker's folder."""
    return place / f"{group}-{partition}{SUFFIX}"


def write(path: Path, head: Head, blocks: Mapping[str, pa.RecordBatch]) -> int:
    """Put a snapshot in place of the one before; returns its size in bytes. Raises OSError.

    Arrow is done before the disk is asked: a process that ends while a thread writes inside Arrow would abort.
    """
    streams = {name: _stream(block) for name, block in blocks.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            _write(file, head, streams)
            size = file.tell()
        reach(Point.SNAPSHOT_WRITTEN)
        unfinished.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    return size


def read(path: Path) -> Stored:
    """The snapshot in a file. Raises SnapshotUnusable where it is not whole or of another format, OSError."""
    # Into memory, not mapped: a disk that fails under a map ends the process.
    content = pa.py_buffer(path.read_bytes())
    if content.size < len(MAGIC) + LENGTH.size + DIGEST_BYTES:
        raise SnapshotUnusable(f"it has {content.size} bytes, less than an empty one")
    if content.slice(0, len(MAGIC)).to_pybytes() != MAGIC:
        raise SnapshotUnusable("it is of another format, or of another version of it")
    body = content.slice(0, content.size - DIGEST_BYTES)
    if hashlib.sha256(body).digest() != content.slice(body.size).to_pybytes():
        raise SnapshotUnusable("its digest is not that of its content: it is cut short or damaged")
    try:
        return _stored(body)
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotUnusable(f"its head cannot be read: {error!r}") from error


def refuse_aged(head: Head, now: float) -> None:
    """Raises SnapshotUnusable for one too old for the changelog to tell every deletion since. `now`: s, epoch."""
    age = now - head.taken_at
    if not -CLOCK_STEP_S <= age <= LONGEST_AGE_S:
        raise SnapshotUnusable(
            f"it was taken {age / 3600:.1f} h ago, and the changelog tells what was deleted since for "
            f"{LONGEST_AGE_S / 3600:.0f} h"
        )


def remove_stale(place: Path) -> None:
    """Delete, in a worker's folder, snapshots too old to be used and what writers left unfinished as long ago."""
    oldest = time.time() - LONGEST_AGE_S
    for pattern in (f"*{SUFFIX}", f"*{SUFFIX}.*{UNFINISHED}"):
        for path in place.glob(pattern):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


def _stream(block: pa.RecordBatch) -> pa.Buffer:
    # One thread: the others belong to the stream.
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, block.schema, options=options) as stream:
        stream.write_batch(block)
    return sink.getvalue()


def _write(file: BinaryIO, head: Head, streams: Mapping[str, pa.Buffer]) -> None:
    digest = hashlib.sha256()

    def put(data: bytes | pa.Buffer) -> None:
        digest.update(data)
        file.write(data)

    put(MAGIC)
    places, at = {}, len(MAGIC)
    for name, stream in streams.items():
        put(stream)
        places[name] = (at, stream.size)
        at += stream.size
        reach(Point.SNAPSHOT)
    text = json.dumps({"head": asdict(head), "places": places}).encode()
    put(text)
    put(LENGTH.pack(len(text)))
    file.write(digest.digest())


def _stored(body: pa.Buffer) -> Stored:
    (length,) = LENGTH.unpack(body.slice(body.size - LENGTH.size).to_pybytes())
    end = body.size - LENGTH.size
    told = json.loads(body.slice(end - length, length).to_pybytes())
    head = Head(**told["head"])
    changelogs = {name: LogPosition(*place) for name, place in head.changelogs.items()}
    places = {name: (int(begin), int(length)) for name, (begin, length) in told["places"].items()}
    return Stored(Head(**{**told["head"], "changelogs": changelogs}), body, places)
