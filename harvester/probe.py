"""What the sources assume of their upstreams, and whether it still holds: `headwater harvest --probe`.

Each assumption is a question with the answer we expect: a status, paths that must be in the body, headers,
and facts of one known record. A probe asks a handful of questions at the card's pace and prints the
differences; it stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from harvester.errors import UpstreamError
from harvester.fields import Raw
from harvester.http import Http, Polite
from harvester.source import Answer, Assumption, Source


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one assumption."""

    what: str
    url: str
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.differences


async def probe(source: Source, http: Http, replica: str | None = None) -> list[Finding]:
    """Ask an upstream, or its replica, whether our assumptions hold."""
    client = http.client(source.card, replica=replica)
    return [await _check(client, each) for each in source.assumptions]


async def _check(client: Polite, each: Assumption) -> Finding:
    accept = (each.status, 200, 400, 404, 410, 422)
    try:
        if each.post is None:
            answer = await client.get(each.url, expect=each.expect, accept=accept)
        else:
            headers = {"Content-Type": "application/json"}
            answer = await client.post(
                each.url, each.post, headers=headers, expect=each.expect, accept=accept
            )
    except UpstreamError as error:
        return Finding(each.what, each.url, (f"no answer: {error.what}",))
    return Finding(each.what, each.url, tuple(differences(each, answer)))


def differences(assumed: Assumption, answer: Answer) -> Iterator[str]:
    """Compare an answer with what was assumed."""
    if answer.status != assumed.status:
        yield f"status {answer.status}, assumed {assumed.status}"
    sent = {name.lower(): value for name, value in answer.headers.items()}
    for name, value in assumed.headers.items():
        found = sent.get(name.lower())
        if found is None or value not in {"*", found}:
            yield f"header {name} is {found!r}, assumed {value!r}"
    if assumed.holds not in answer.body:
        yield f"the body does not hold {assumed.holds.decode()!r}"
    if assumed.paths or assumed.facts:
        yield from _body_differences(assumed, orjson.loads(answer.body))


def _body_differences(assumed: Assumption, body: Raw) -> Iterator[str]:
    for path in assumed.paths:
        if at(body, path) is _ABSENT:
            yield f"{path} is not there"
    for path, value in assumed.facts.items():
        found = at(body, path)
        if found != value:
            yield f"{path} is {'absent' if found is _ABSENT else repr(found)}, assumed {value!r}"


_ABSENT = object()


def at(body: Raw, path: str) -> Raw:
    """Follow a path such as "hits.hits.0.id" into a JSON body."""
    for step in path.split("."):
        if isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        elif isinstance(body, dict) and step in body:
            body = body[step]
        else:
            return _ABSENT
    return body
