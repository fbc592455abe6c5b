"""The Faust transport `batch://`: one Faust event is one Arrow record batch of one partition from one poll.

From poll to changelog: `cycle` (a turn) -> `member` (poll, rebalance, commit) -> `intake` (frame, decode, validate) ->
`batch` (what an agent sees) -> `span` and `committer` (outputs, changelogs and offsets in one transaction).
"""

from topics.transport.driver import Transport

__all__ = ["Transport"]
