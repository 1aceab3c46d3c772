"""What must be so in the database whatever was killed: nothing lost, nothing doubled."""

import json
from collections import Counter

from sensors.topics import Channel
from services.events import Received
from services.storage.journal import entries
from tests.system.field import Walker
from tests.system.installation import Installation, until


async def journalled(installation: Installation, walker: Walker, run: str = "live") -> Counter[int]:
    """How often each sequence of a walker's reports stands in the journal."""
    topic, session = walker.fibre.topic(Channel.REPORT), walker.fibre.session
    found: Counter[int] = Counter()
    async for entry in entries(installation.postgres.url, run):
        if isinstance(entry.item, Received) and entry.item.topic == topic:
            message = json.loads(entry.item.payload)
            if message["session"] == session:
                found[message["sequence"]] += 1
    return found


async def check_reports(installation: Installation, walker: Walker) -> Counter[int]:
    """Each report is in the journal, and each one's detection is there exactly once."""
    wanted = set(range(len(walker.reports)))

    async def all_there() -> bool:
        return set(await journalled(installation, walker)) == wanted

    await until(all_there, f"all {len(wanted)} reports in the journal")

    async def all_detected() -> bool:
        rows = await installation.rows(
            "SELECT id, count(*) FROM detection WHERE run = 'live' AND strpos(id, %s) > 0 "
            "GROUP BY id",
            walker.fibre.session,
        )
        assert all(count == 1 for _, count in rows), "a detection is there twice"
        assert len(rows) <= len(wanted), "more detections than reports"
        return len(rows) == len(wanted)

    await until(all_detected, "each report gives its one detection")
    return await journalled(installation, walker)


async def check_feed(installation: Installation, run: str = "live") -> None:
    """Feeds have no hole; revisions of each alert are 1 to n; positions are 1 to n."""
    for party, sequences in await installation.rows(
        "SELECT party, array_agg(sequence ORDER BY sequence) FROM feed WHERE run = %s "
        "GROUP BY party",
        run,
    ):
        assert sequences == list(range(1, len(sequences) + 1)), f"feed of {party}"
    # In one statement: the service goes on meanwhile.
    for alert, revisions, told in await installation.rows(
        "SELECT id, a.revisions, f.revisions FROM "
        "(SELECT id, array_agg(revision ORDER BY revision) AS revisions FROM alert_event "
        "WHERE run = %s GROUP BY id) a FULL JOIN "
        "(SELECT id, array_agg(revision ORDER BY sequence) AS revisions FROM feed "
        "WHERE run = %s AND party = 'RO' GROUP BY id) f USING (id)",
        run,
        run,
    ):
        assert revisions == list(range(1, len(revisions) + 1)), f"revisions of {alert}"
        assert told == revisions, "each revision is told once, in order"
    [(first, last, count)] = await installation.rows(
        "SELECT min(position), max(position), count(*) FROM journal WHERE run = %s", run
    )
    assert (first, last) == (1, count), "the journal has a hole"
