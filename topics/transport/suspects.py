"""What of a poll may be tried now, where a record of it is under suspicion.

A range that failed is tried again by halves until the guilty record stands alone, and that one goes to the dead
letters. Where it was the process that ended, each try is noted in the group's offsets before it begins, so that
whoever has the partition next knows of it, on whatever disk.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import NamedTuple

from topics.consuming import Record, TopicNumber
from topics.errors import Stuck, TooMuchPoison
from topics.metrics import Meter
from topics.table import TOPICS
from topics.transport.assignment import Assignment, Partition, Status
from topics.transport.dead_letters import dead_letter
from topics.transport.member import Member
from topics.transport.polling import Polled
from topics.transport.trial import ALONE_DIED, ALONE_RAISED, Trial

log = logging.getLogger(__name__)

STAGE = "process"
AGENT_FAILED = "agent_failed"
PROCESS_DIED = "process_died"
DIED = "the process died each time this record was tried alone, {tries} tries in all; its log or kernel may say of what"

TIME_TRIES = 3
"""Failures in a row of a partition's batches without records, after which none is tried again: there is nothing to put
aside."""


class Admitted(NamedTuple):
    """What is left of a poll; `commit_next`: what is tried must be committed before anything else is."""

    polled: Polled
    commit_next: bool


class _Suspect(NamedTuple):
    where: TopicNumber
    partition: Partition
    records: list[Record]
    trial: Trial


class Suspects:
    """Decides between a poll and the agents, and is told how the agents fared."""

    def __init__(self, member: Member, assignment: Assignment, meter: Meter, poison_run: int) -> None:
        self._member = member
        self._assignment = assignment
        self._meter = meter
        self._poison_run = poison_run
        self._in_a_row: Counter[TopicNumber] = Counter()
        self._last_guilty: dict[TopicNumber, int] = {}
        self._failures_of_time: Counter[tuple[str, int]] = Counter()

    def admit(self, polled: Polled) -> Admitted:
        """Put the guilty aside, hold back what must wait, note what may end the process. Runs on the Kafka thread.

        Raises CommitFailed where the note cannot be written, TooMuchPoison where the guilty follow each other.
        """
        suspects = [suspect for where, records in polled.records.items() if (suspect := self._suspect(where, records))]
        if not suspects:
            return Admitted(polled, commit_next=False)
        alone = next((suspect for suspect in suspects if suspect.trial.by_halves), None)
        if alone is not None:
            # Were others tried with it, they would fail with it.
            self._member.commit()
            polled, suspects = self._half(alone, self._alone(alone, polled)), [alone]
        self._note([one for one in suspects if one.where in polled.records], polled)
        return Admitted(polled, commit_next=True)

    def failed(self, partition: Partition, topic: str, end: int | None, cause: str, stage: str) -> None:
        """Suspect what was tried of a partition, up to the offset `end`; None where time alone passed.

        Raises Stuck where that fails over and over.
        """
        self._meter.reset(stage)
        if end is not None:
            partition.failed(topic, end, cause)
            return
        of = partition.group.name, partition.number
        self._failures_of_time[of] += 1
        if self._failures_of_time[of] >= TIME_TRIES:
            raise Stuck(
                f"the passage of time on partition {partition.number} of group {partition.group.name} failed "
                f"{TIME_TRIES} times in a row ({cause}): no record can be put aside for it; mend the agent and restart"
            )

    def passed(self, partition: Partition, topic: str, end: int | None, records: int) -> None:
        """An agent did not fail on what it was given of a partition: so many records, or with no `end` time alone."""
        if end is None:
            self._failures_of_time.pop((partition.group.name, partition.number), None)
        elif records:
            self._in_a_row.pop((topic, partition.number), None)

    def _suspect(self, where: TopicNumber, records: list[Record]) -> _Suspect | None:
        partition = self._assignment.of(*where)
        if partition is None or partition.status is not Status.READY:
            return None
        trial = partition.trial(where[0])
        if not trial.open and where[0] not in partition.unclean:
            return None
        return _Suspect(where, partition, records, trial)

    def _half(self, suspect: _Suspect, polled: Polled) -> Polled:
        """The poll with no more of a suspect than may be tried."""
        where, records = suspect.where, suspect.records
        position = suspect.partition.positions.get(where[0], records[0].offset())
        end = suspect.trial.end(position)
        if end is None:
            return polled
        tried = [record for record in records if record.offset() < end]
        if len(tried) < len(records):
            self._member.rewind(*where, end)
        raised = where[0] in suspect.partition.causes
        if tried and suspect.trial.guilty(position, ALONE_RAISED if raised else ALONE_DIED):
            self._put_aside(suspect)
            tried = []
        others = {place: taken for place, taken in polled.records.items() if place != where}
        if len(tried) == len(records):
            return polled
        ends = {place: offset for place, offset in polled.ends.items() if place != where}
        return Polled({**others, where: tried}, ends) if tried else Polled(others, {**ends, where: end})

    def _put_aside(self, suspect: _Suspect) -> None:
        record, (topic, _) = suspect.records[0], suspect.where
        cause = suspect.partition.causes.get(topic)
        reason = PROCESS_DIED if cause is None else AGENT_FAILED
        message = DIED.format(tries=suspect.trial.tries) if cause is None else cause
        letter = dead_letter(record, topic=topic, reason=reason, stage=STAGE, message=message)
        self._refuse_a_run(suspect.where, record.offset(), message)
        log.error("%s[%d] offset %d goes to the dead letters: %s", *suspect.where, record.offset(), message)
        name = topic.removeprefix(self._member.prefix)
        self._member.span.outbox.add(TOPICS[name].dead_letters, letter)
        self._meter.diverted(topic, STAGE, reason)

    def _refuse_a_run(self, where: TopicNumber, offset: int, message: str) -> None:
        if self._last_guilty.get(where) != offset:
            self._in_a_row[where] += 1
        self._last_guilty[where] = offset
        if self._in_a_row[where] >= self._poison_run:
            raise TooMuchPoison(
                f"{where[0]}[{where[1]}]: the agent failed on {self._in_a_row[where]} records in a row, up to offset "
                f"{offset}; the last: {message}. The fault is hardly theirs: mend the agent, or what it depends on, "
                "and restart; to let them all pass into the dead letters raise LAM_POISON_RUN"
            )

    def _alone(self, suspect: _Suspect, polled: Polled) -> Polled:
        """The poll with nothing but one suspect: the rest comes again."""
        for (topic, number), records in polled.records.items():
            if (topic, number) != suspect.where:
                self._member.rewind(topic, number, records[0].offset())
        ends = {where: end for where, end in polled.ends.items() if where not in polled.records}
        return Polled({suspect.where: polled.records[suspect.where]}, ends)

    def _note(self, suspects: list[_Suspect], polled: Polled) -> None:
        """Say beside the offsets what is to be thought of them if the process ends now, where it did so before."""
        trying = {}
        for suspect in suspects:
            topic, partition = suspect.where[0], suspect.partition
            if topic in partition.unclean:
                records = polled.records[suspect.where]
                # Where nothing was committed yet there is no offset that a note could stand beside.
                position = partition.positions.setdefault(topic, records[0].offset())
                trying[partition, topic] = suspect.trial.failed(position, records[-1].offset() + 1)
        self._member.commit(trying=trying)
