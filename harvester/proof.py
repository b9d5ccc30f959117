"""After a harvest: ask who counts the upstream's holdings, and keep how complete ours are."""

from __future__ import annotations

from harvester.errors import UpstreamError
from harvester.http import Http, Polite
from harvester.run import Order, Report
from harvester.source import Counter
from index import proofs
from index.proofs import Claim, Proof
from index.store import Store


async def prove(store: Store, http: Http, order: Order, report: Report, *, ask: bool = True) -> Proof | None:
    """Prove how complete a source is, with one request per counter of the card.

    A counter that does not answer is named in the proof's note; it says nothing of the harvest.

    Returns:
        None after a run that did not finish or took a sample, and after a harvest of changes where nobody
        tells a total: the proof of the last complete harvest then stands.
    """
    if report.state != "complete" or order.kind == "sample":
        return None
    client = http.client(order.source.card, replica=order.replica)
    counters = order.source.card.counted_by if ask else ()
    claims = [await _ask(client, counter, order.scope) for counter in counters]
    is_whole = order.kind == "full"
    if not is_whole and not any(claim.is_own and claim.total is not None for claim in claims):
        return None
    return proofs.prove(
        store,
        report.source,
        report.run_id,
        claims=claims,
        listed_since=report.harvest_run if is_whole else None,
        announced=report.announced if is_whole else None,
    )


async def _ask(client: Polite, counter: Counter, scope: str) -> Claim:
    try:
        answer = await client.get(counter.url)
        total = answer.json()
        for step in counter.path.split("."):
            total = total[step]
    except (UpstreamError, LookupError, TypeError):
        total = None
    known = total if isinstance(total, int) else None
    return Claim(counter.by, counter.counts, known, scope in counter.own_of)
