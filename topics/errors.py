"""What can go wrong between us and Kafka.

LamstreamError
+-- TopicsError
    +-- ConfigurationError     a setting is missing or wrong: the operator must change it
    +-- TopicMismatch          a topic is missing or differs from the table
    +-- NotDelivered           records handed to the producer did not reach the broker
    +-- SnapshotUnusable       a local snapshot is not whole or not of the log that is there: the log is read
    +-- StreamStopped          the stream stopped itself rather than go on wrongly
        +-- NotCompleted       an agent let go of a batch without completing it
        |   +-- AgentFailed    it raised: the span is taken back and tried again
        |   +-- Stuck          it did not let go of a batch in time
        +-- BreakerOpen        too many invalid records in a row, or too large a share
        +-- SchemaMissing      the schema of a record did not turn up
        +-- CommitFailed       a span could not be committed
        +-- RestoreFailed      state could not be rebuilt from its changelog
        |   +-- ChangelogAway  its brokers are away: it is asked again
        +-- OutputTooLarge     an output record exceeds its topic's limit
        +-- TooMuchPoison      an agent failed on one record after another
        +-- ConsumerEnded      a consumer gets nothing any more, whatever one waits for
        +-- MembershipLost     the same of a worker's own: another is made and joins
        +-- OffsetsOutOfLog    a committed offset lies outside what the topic holds
        +-- TopicChanged       a topic was made anew, or has another number of partitions
"""

from __future__ import annotations

from schemas.errors import LamstreamError


class TopicsError(LamstreamError):
    """Anything that goes wrong between us and Kafka."""


class ConfigurationError(TopicsError):
    """A setting is missing or wrong; nothing was started."""


class TopicMismatch(TopicsError):
    """A topic is missing or differs from the table; nothing was changed."""


class NotDelivered(TopicsError):
    """Records did not reach the broker; send them again."""


class SnapshotUnusable(TopicsError):
    """A local snapshot cannot be used: it is thrown away, and the log is read instead."""


class StreamStopped(TopicsError):
    """The worker must stop: the open span is aborted and will be replayed from its start."""


class NotCompleted(StreamStopped):
    """An agent was cancelled or skipped a batch: the batch did not take effect."""


class AgentFailed(NotCompleted):
    """An agent, or a decoder before it, raised: nothing of the span took effect, and it is tried again."""


class Stuck(NotCompleted):
    """A batch was held too long, or time cannot pass: what an agent still does cannot be taken back."""


class BreakerOpen(StreamStopped):
    """Diverting so many records would empty the topic into its dead letters."""


class SchemaMissing(StreamStopped):
    """Records wait whose writer's schema is not known."""


class CommitFailed(StreamStopped):
    """State, outputs and offsets of the span did not commit, or it is not known whether they did: all or nothing.

    `for_good`: the broker refused them for a reason that trying again does not change. `fenced`: because the group has
    another member under this one's name.
    """

    def __init__(self, message: str, *, for_good: bool = False, fenced: bool = False) -> None:
        super().__init__(message)
        self.fenced = fenced
        self.for_good = for_good


class RestoreFailed(StreamStopped):
    """The state of a partition could not be rebuilt."""


class ChangelogAway(RestoreFailed):
    """No broker told where a changelog ends; ask again."""


class OutputTooLarge(StreamStopped):
    """A record to send exceeds its topic's size limit."""


class TooMuchPoison(StreamStopped):
    """An agent failed on so many records in a row that the fault is hardly theirs."""


class ConsumerEnded(StreamStopped):
    """A consumer is at its end: it gets nothing any more."""


class MembershipLost(StreamStopped):
    """A worker's consumer is at its end. `fenced`: its group has another under its name, or takes it for another."""

    def __init__(self, message: str, *, fenced: bool = True) -> None:
        super().__init__(message)
        self.fenced = fenced


class OffsetsOutOfLog(StreamStopped):
    """Records below the group's offset are gone, or the log ends before it; going on would skip records."""


class TopicChanged(StreamStopped):
    """A topic is no longer the one that offsets were committed on; going on would mix up keys or records."""
