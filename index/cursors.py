"""Cursors: where a page ended, for which search, in letters that go into an address."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import orjson

from index.engines import Position, Sort
from index.query import BadQuery


class BadCursor(BadQuery):
    """A cursor that was not made by this node, or belongs to another search."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The revision that is searched, and where in the order to go on."""

    revision: int
    position: Position


def close_cursor(position: Position | None, revision: int, sort: Sort, print_: int) -> str | None:
    if position is None:
        return None
    body = orjson.dumps([revision, position.after, position.state, position.grouping, sort, print_])
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def open_cursor(text: str | None, sort: Sort, print_: int) -> Cursor | None:
    if not text:
        return None
    try:
        body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        revision, after, state, grouping, *made_for = orjson.loads(body)
        cursor = Cursor(int(revision), Position(int(after), state, grouping))
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadCursor("this is no cursor of ours; take `next` from an answer as it is") from error
    if made_for != [sort, print_]:
        message = "the cursor belongs to another search; all that is asked must stay the same but for size"
        raise BadCursor(message)
    return cursor


@dataclass(frozen=True, slots=True)
class Place:
    """The revision of which a facet is listed, how its records were grouped, and the last value listed."""

    revision: int
    grouping: str | None
    last: tuple[str, int]


def close_place(place: Place, print_: int) -> str:
    body = orjson.dumps([place.revision, place.grouping, *place.last, print_])
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def open_place(text: str | None, print_: int) -> Place | None:
    """Read where a page of a facet ended."""
    if not text:
        return None
    try:
        revision, grouping, value, count, made_for = orjson.loads(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        )
        place = Place(int(revision), grouping, (str(value), int(count)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadCursor("this is no cursor of a facet; take `next` from an answer as it is") from error
    if made_for != print_:
        raise BadCursor(
            "the cursor belongs to another list; all that is asked must stay the same but for size"
        )
    return place
