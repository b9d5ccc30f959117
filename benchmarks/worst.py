"""What the worst questions cost, and whether the time limit bounds them.

Each is asked of a node as it comes, and of one that may count for a hundredth of a second only: its answers
must say that they are partial, and what they still cost is what the limit cannot bound.
"""

from __future__ import annotations

import statistics
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from benchmarks.corpus import Corpus
from benchmarks.processes import Node, serving
from benchmarks.questions import EIGHT
from benchmarks.report import memory_mb, say

TIMES = 5
"""Each with other words, so that no answer is one that was kept."""
SHORT = {"HEADWATER_SEARCH_SECONDS": "0.01"}


def worst(corpus: Corpus, folder: Path, known: frozenset[str], settings: Mapping[str, str]) -> dict[str, Any]:
    """Ask the worst questions, without and with a short time limit."""
    found: dict[str, Any] = {}
    for name, limit in (("as it comes", {}), ("search_seconds=0.01", SHORT)):
        with serving(folder, {**settings, **limit}) as node:
            is_bounded = "partial" in answer(node, corpus.vocabulary[0], known)  # and the node is warm
            if limit and not is_bounded:
                return found | {name: {"left_out": "the node has no time limit"}}
            costs = {what: asked(node, texts, known) for what, texts in worst_questions(corpus).items()}
            found[name] = {**costs, "memory_mb": memory_mb(node.running.pid)}
        say(f"worst, {name}: {orjson.dumps(found[name]).decode()}")
    return found


def worst_questions(corpus: Corpus) -> dict[str, list[str]]:
    """Make questions that match much, or of which finding out what they match is much."""
    words = corpus.vocabulary
    frequent = [" OR ".join(words[number : number + 20]) for number in range(TIMES)]
    letters = [f"{letter}*" for letter in "csptm"]
    # The shorter a word, the more words are two letters away.
    near = [f"{word}~2" for word in [word for word in words if len(word) == 4][:TIMES]]
    together = [f"({a}) OR {b} OR {c}" for a, b, c in zip(frequent, letters, near, strict=True)]
    return {
        "twenty most frequent words, OR": frequent,
        "prefix of one letter": letters,
        "four letters, two of them wrong": near,
        "all three, OR": together,
    }


def asked(node: Node, texts: Sequence[str], known: frozenset[str]) -> dict[str, Any]:
    """Ask, and say what it cost and how many answers were partial."""
    seconds, totals, partial = list[float](), list[int](), 0
    for text in texts:
        began = time.perf_counter()
        found = answer(node, text, known)
        seconds.append(time.perf_counter() - began)
        totals.append(found["total"])
        partial += bool(found.get("partial"))
    return {
        "hits_p50": statistics.median_high(totals),
        "median_ms": round(statistics.median(seconds) * 1000, 1),
        "slowest_ms": round(max(seconds) * 1000, 1),
        "partial": f"{partial} of {len(texts)}",
    }


def answer(node: Node, text: str, known: frozenset[str]) -> Any:
    """Search with eight facets and, where the node can, one hit for all versions of a thing."""
    asking = {"q": text, "facets": ",".join(EIGHT), "sort": "relevance"}
    asking |= {"collapse": "version"} if "collapse" in known else {}
    with urllib.request.urlopen(f"{node.base}/api/v1/search?{urlencode(asking)}", timeout=600) as body:
        return orjson.loads(body.read())
