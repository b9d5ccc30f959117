"""Most or any of the words instead of all, for who would rather look at near misses than at nothing."""

from __future__ import annotations

from typing import Literal

from index.query import BadQuery, Between, Both, Either, OneOf, Query, Without

Match = Literal["all", "most", "any"]
MATCHES: tuple[Match, ...] = ("all", "most", "any")
FEWEST_WORDS, MOST_WORDS = 3, 12
"""Of two words, most is both. The query grows with the square of the words, so their number has an end."""

MUST_HOLD = (Without, OneOf, Between)
"""Exclusions, and what is asked of a field by name, as filters are."""


def loosened(query: Query, match: Match) -> Query:
    """Let words be missing; what is excluded, or asked of a field, must hold.

    `most` lets one of three or more be missing. A record with all of the words is found by every choice of
    the others and adds up all their scores, so it comes first.

    Raises:
        BadQuery: more words than `most` can choose from.
    """
    if match == "all" or not isinstance(query, Both):
        return query
    wanted = tuple(part for part in query.parts if not isinstance(part, MUST_HOLD))
    others = tuple(part for part in query.parts if isinstance(part, MUST_HOLD))
    if len(wanted) < 2:
        return query
    near = Either(wanted) if match == "any" else _most(wanted)
    return Both((near, *others)) if others else near


def _most(wanted: tuple[Query, ...]) -> Query:
    if len(wanted) < FEWEST_WORDS:
        return Both(wanted)
    if len(wanted) > MOST_WORDS:
        message = f"match=most takes up to {MOST_WORDS} words, these are {len(wanted)}; try match=any"
        raise BadQuery(message)
    # The last is left out first, so that the words are met in the order in which they were written.
    left_out = range(len(wanted) - 1, -1, -1)
    return Either(tuple(Both(wanted[:place] + wanted[place + 1 :]) for place in left_out))
