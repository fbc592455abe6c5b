"""The Faust transport `batch://`: one Faust event is one Arrow record batch of one partition from one poll.

A turn is in `cycle`: `work` is what there is to do in it, `delivery` hands that to agents, `suspects` hold back what
may have failed. Polls, rebalances and commits are in `member`, over `assignment` (what this worker knows of each
partition) and `committer` (the transaction); `outcome` tells what became of a commit that failed, `fencing` a twin from
an accident. `reading` and `intake` frame, decode and validate; `batch` is what an agent sees, `message` how Faust
carries it and what completes it; `outbox` and `span` hold what waits for the commit;
`restoring` rebuilds state beside the cycle, `global_records` applies global updates before a turn, `heartbeats` tells
others how far time has come, `standing` how the worker stands. `driver` and `app` are what Faust sees.
"""

from topics.transport.driver import Transport

__all__ = ["Transport"]
