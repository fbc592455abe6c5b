"""What `lam dlq` prints of many letters at once."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from services.dlq.plan import Kind, Plan
from services.dlq.summary import Told
from services.dlq.text import at, printable

HEAD = ("letters", "retried", "first", "last", "example", "reason")
EXAMPLES = 3


def counts_text(rows: Sequence[Told]) -> Iterator[str]:
    """Each topic with its letters by reason."""
    by_topic = defaultdict[str, list[Told]](list)
    for row in rows:
        by_topic[row["topic"]].append(row)
    for topic, own in by_topic.items():
        yield f"{topic}: {sum(row['letters'] for row in own):,} letters, {sum(row['retried'] for row in own):,} retried"
        yield _aligned(*HEAD)
        for row in own:
            reason = f"{row['reason'] or 'no reason'} at {row['stage'] or 'no stage'}"
            numbers = (f"{row['letters']:,}", f"{row['retried']:,}")
            yield _aligned(*numbers, at(row["first"]), at(row["last"]), row["example"], printable(reason))


def plan_text(made: Plan) -> Iterator[str]:
    """What would be sent where, and what is refused and why, with a few ids of each kind."""
    for topic, count in sorted(made.by_topic.items()):
        yield f"{count:,} to send back to {topic}"
    if not made.sending:
        yield "nothing to send back"
    by_kind = defaultdict[Kind, list[str]](list)
    for place, why in made.refused:
        by_kind[why.kind].append(f"{place}: {why.message}")
    for kind, told in by_kind.items():
        yield f"{len(told):,} {'already sent back' if kind is Kind.RETRIED else 'refused'} ({kind.value}):"
        yield from (f"  {one}" for one in told[:EXAMPLES])
        if len(told) > EXAMPLES:
            yield f"  and {len(told) - EXAMPLES:,} more; --json tells each"


def plan_told(made: Plan, sent: int) -> str:
    """The same as JSON, whole."""
    refused = [{"id": str(place), "kind": why.kind.value, "message": why.message} for place, why in made.refused]
    told = {"to_send": len(made.sending), "sent": sent, "by_topic": dict(made.by_topic), "refused": refused}
    return json.dumps(told)


def _aligned(letters: str, retried: str, first: str, last: str, example: str, reason: str) -> str:
    return f"  {letters:>9} {retried:>9}  {first:24}  {last:24}  {example:32}  {reason}"
