"""One spelling for many: what is searched, and what it is searched for, are written alike and then compared.

The same function stands on both sides: entries hold `normal(text)`, a query asks for `normal(word)`. So a
rule that goes too far (any "capsize" is written "capsise") does no harm, as long as no two different words
become one; that is why American "-ization" becomes "-isation" and not the other way round: stems of
"localization", "polarization" and "organization" would be "local", "polar" and "organ".

Nothing is guessed from other records: the result depends on the text and on `vocab/spellings.csv` alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import pairwise

from index import vocab


def _greek() -> dict[str, str]:
    """Name the small letters by Unicode: "GREEK SMALL LETTER ALPHA"; one of them it spells in its own way."""
    names = {chr(code): unicodedata.name(chr(code)).split()[-1].lower() for code in range(0x3B1, 0x3CA)}
    return names | {"\u03bb": "lambda"}


_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i", "ħ": "h"}
    | _greek()
)

# A micro sign before a unit ("10 µm", "µCT") is written "u" by those who have no such key.
_MICRO = re.compile(r"(?<![^\W\d_])μ(?=[a-z]{1,3}(?![^\W_]))")
_POSSESSIVE = re.compile(r"(?<=[^\W_])['\u2019\u02bc]s(?![^\W_])", re.IGNORECASE)
_APOSTROPHE = re.compile(r"['\u2019\u02bc]")
_PIECE = re.compile(
    r"([^\W_](?:[^\W_]|[\u00ad\u0300-\u036f])*(?:['\u2019\u02bc]s(?![^\W_]))?)", re.IGNORECASE
)
_ASCII_PIECE = re.compile(r"([A-Za-z0-9]+(?:'[sS](?![A-Za-z0-9]))?)")
"""What `_PIECE` cuts of the texts that most are, in half the time."""
_MARKS = re.compile("[\u00ad\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_WORD, _CUT = re.compile(r"[^\W_]+"), re.compile(r"([^\W_]+)")
_HYPHEN = "-\u2010\u2011\u2012\u2013\u00ad"
# Possessive and from the start of a word on: tried at every letter they would cost five times as much.
_HYPHENED = re.compile(rf"(?<![^\W_])[^\W_]++(?:[{_HYPHEN}][^\W_]++){{1,3}}")
_SLASHED = re.compile(r"(?<![^\W_])[^\W_]++/[^\W_]++")
_ACRONYMS = re.compile(r"([A-Z]{2,}\d*|[a-z]{1,3}[A-Z]{2,})s")
_HYPHENS, _SLASH = re.compile(f"[{_HYPHEN}]"), re.compile("/")
_UMLAUT = re.compile("[äöü]")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})

SHORT = 120
"""Characters; longer texts are seldom met twice."""

LONGEST_JOINED = 40
"""Characters; beyond, a word with hyphens is a path or a sequence, which nobody writes as one word."""

_RULES = tuple(
    (re.compile(pattern), as_)
    for pattern, as_ in (
        (r"(col|tum|behavi|lab|neighb|fav|^od|vap|harb|hum|flav|^hon|rum|^arm|endeav|sav|vig|ferv)our(?!c)",
         r"\1or"),
        (r"(fib|cent|lit|tit|calib|theat|spect|lust|meag|somb|sab|met|goit)re(s?)$", r"\1er\2"),
        (r"^fibre(?=[a-z])", "fiber"),
        (r"([a-z]{3,})iz(e|ed|er|ers|es|ing|ation|ations|ational|able|ability)$", r"\1is\2"),
        (r"(anal|catal|paral|hydrol|dial|electrol|pyrol)yz(e|ed|er|ers|es|ing)$", r"\1ys\2"),
        (r"(anal|catal|paral|[a-z]{2,}l)ys[ie]s$", r"\1yse"),
        (r"(thes|genes|gnos|[bc]ros|mitos|meios|ptos|stas|mbos|neuros|bios|morphos|stomos)es$", r"\1is"),
        (r"haem(?!et)", "hem"), (r"aemi(a|c)", r"emi\1"), ("paed", "ped"), ("gynaec", "gynec"),
        ("anaesth", "anesth"), (r"^faec", "fec"), ("caec", "cec"), ("palaeo", "paleo"),
        ("archaeo(?!n$)", "archeo"), (r"^aetiol", "etiol"), (r"^caesi", "cesi"), (r"^naev", "nev"),
        ("oesoph", "esoph"), ("oestr", "estr"), ("oedem", "edem"), ("foet", "fet"), ("amoeb", "ameb"),
        ("rrhoea", "rrhea"), ("pnoea", "pnea"), ("homoeo", "homeo"), ("manoeuv", "maneuv"),
        ("sulph", "sulf"),
        (r"(anal|homol|orthol|paral|dial|xenol|ohnol)ogue(s?)$", r"\1og\2"),
        (r"(label|model|signal|channel|travel|tunnel|level|cancel|fuel|panel|dial|spiral)l(ed|ings?|ers?)$",
         r"\1\2"),
        (r"([mr]|si|mi|lnc|ds|ss|c|g|t|sn|sc)?(r|d)nas$", r"\1\2na"),
        (r"^([a-z]{2,5}?)seq$", r"\1 sequencing"),
    )
)  # fmt: skip
"""Ends and parts of words, after case and accents are gone. Each leads away from what it matches, so that
applying them again changes nothing."""

_ANY_RULE = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in _RULES))
"""One look for all rules: they say nothing of 98 words in 100, and one by one cost six times as much."""

_NOT_SEQUENCED = frozenset({"subseq", "conseq"})


def normal(text: str) -> str:
    """Write a text in the one spelling: lower case, no accents, Greek in letters, American, singular.

    Words, their order and what stands between them stay; a word may become two ("lightsheet"). Applying it
    again changes nothing, and no text is refused.
    """
    parts = _CUT.split(_cleaned(text))
    parts[1::2] = map(_word, parts[1::2])  # half the time that a substitution takes
    return "".join(parts)


def searchable(texts: Iterable[str]) -> list[str]:
    """Write texts as an engine should hold them: in the one spelling, and words with hyphens joined besides.

    Compounds ("data set", "light sheet") are joined as often as they stand there: one word is found in a
    tenth of the time that two frequent ones side by side take, and counts as often.

    Made for texts that people write; for names of files and identifiers there is `coded`.
    """
    written = [_short(text) if len(text) <= SHORT else _long(text) for text in texts]
    also = dict.fromkeys(word for _, words, _ in written for word in words)
    besides = " ".join((*also, *(word for _, _, compounds in written for word in compounds)))
    return [*(text for text, _, _ in written), *([besides] if besides else [])]


def coded(texts: Iterable[str]) -> list[str]:
    """Write names of files and identifiers, which nobody spells otherwise: one spelling, and compounds."""
    written = list(dict.fromkeys(map(normal, texts)))
    compounds = " ".join(word for text in written for word in _compounds_of(text))
    return [*written, *([compounds] if compounds else [])]


def spellings(text: str) -> tuple[str, ...]:
    """List how what somebody asks for may be held: as normal text, and with its hyphens joined.

    "immuno-fluorescence" must find "immunofluorescence", and "C57BL/6" what says "C57BL6".
    """
    return tuple(dict.fromkeys((normal(text), normal(_SLASHED.sub(_glued, _HYPHENED.sub(_glued, text))))))


def held(text: str) -> tuple[str, ...]:
    """List the spellings of what somebody asks for, a compound as the one word that `searchable` adds."""
    return tuple(dict.fromkeys(_compound(words(each)) or each for each in spellings(text)))


def beginnings(text: str) -> tuple[str, ...]:
    """List how a word that begins so may be held: a word cut short is often below every rule.

    "tumou*" is found because what a rule changed is held besides as it was written.
    """
    return tuple(dict.fromkeys((normal(text), _WORD.sub(lambda match: _letters(match[0]), _cleaned(text)))))


def key(text: str) -> str:
    """Fold a name for comparison: its normal words, without the plural's s; for look-ups, never shown."""
    return " ".join(_singular(word) for word in words(normal(text)))


def pieces(text: str) -> list[str]:
    """Cut a text as it is written: what stands before the first word, it, what stands between, and so on.

    Letters with marks of their own are one word with them, as they are once they are put right.
    """
    return (_ASCII_PIECE if text.isascii() else _PIECE).split(text)


@lru_cache(maxsize=1_000)
def with_initials(initials: frozenset[str]) -> re.Pattern[str]:
    """Answer what finds, in ASCII, the words that may begin so or hold a word that does, once put right.

    Rules leave the first letter of a word, or make an e of it ("oedema", "aetiology"); what the table says of
    a word may begin otherwise, and "RNAseq" becomes two words.
    """
    letters = "".join(map(re.escape, sorted({*initials, *("ao" if "e" in initials else "")})))
    others = [
        re.escape(word)
        for word, written in _table().items()
        if not initials.isdisjoint(each[0] for each in words(normal(written)))
    ]
    ways = "|".join([f"[{letters}][a-z0-9]*", *others, *(["[a-z]{2,5}seq"] if "s" in initials else [])])
    begin, end = r"(?<![a-z0-9])(?!(?<=[a-z0-9]')s(?![a-z0-9]))", "(?![a-z0-9])"  # a possessive is no word
    return re.compile(rf"{begin}(?:{ways})s?{end}(?:'s{end})?", re.IGNORECASE | re.ASCII)


def words(text: str) -> list[str]:
    """Cut a text into words, as engines do: letters and digits."""
    return _WORD.findall(text)


def _cleaned(text: str) -> str:
    """Take possessives away, and what hides a letter: marks, ligatures, soft hyphens."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _MARKS.sub("", unicodedata.normalize("NFKD", text)))
    return _POSSESSIVE.sub("", text) if _APOSTROPHE.search(text) else text


def _letters(word: str) -> str:
    """Take case, accents, Greek letters and an acronym's plural away from a word."""
    if _ACRONYMS.fullmatch(word):
        word = word[:-1]
    if word.isascii():
        return word.lower()
    # Twice, because folding the case of some letters makes marks of its own, and marks can hide a sign.
    for _ in range(2):
        word = _MARKS.sub("", unicodedata.normalize("NFKD", word.casefold()))
        word = _MICRO.sub("u", word).translate(_LETTERS)
    return word


@lru_cache(maxsize=200_000)
def _word(word: str) -> str:
    """Put one word right; rules are applied until they have nothing to say."""
    word = _letters(word)
    if word.isdigit() or not word.isascii():
        return word
    for _ in range(4):
        changed = _once(word)
        if changed == word:
            return word
        if " " in changed:
            return " ".join(_word(part) for part in changed.split())
        word = changed
    return word


def _once(word: str) -> str:
    if (written := _table().get(word)) is not None:
        return written
    if word in _NOT_SEQUENCED or not _ANY_RULE.search(word):
        return word
    for pattern, as_ in _RULES:
        word = pattern.sub(as_, word, count=1)
        if " " in word:
            break
    return word


@cache
def _table() -> dict[str, str]:
    return {row["word"]: row["as"] for row in vocab.rows("spellings")}


def _compounds_of(text: str) -> tuple[str, ...]:
    """List the compounds in a text in the one spelling, each as one word."""
    firsts = _firsts()
    pairs = (pair for pair in pairwise(words(text)) if pair[0] in firsts)
    return tuple(filter(None, map(_compound, pairs)))


@cache
def _firsts() -> dict[str, set[str]]:
    """Answer the second words of compounds by their first: what the table writes in two words."""
    found: dict[str, set[str]] = {}
    for pair in filter(lambda written: " " in written, _table().values()):
        first, second = normal(pair).split()
        found.setdefault(first, set()).add(second)
    return found


def _compound(pair: Sequence[str]) -> str | None:
    """Join the two words of a compound, in the singular; None where they are none."""
    if len(pair) != 2:
        return None
    first, second = pair
    seconds = _firsts().get(first, ())
    each = next((each for each in (second, second.removesuffix("s")) if each in seconds), None)
    return None if each is None else first + each


def _written(text: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Write a text.

    Returns:
        It, how its words may be written besides (unchanged, joined, umlauts in letters), and its compounds.
    """
    parts = _CUT.split(_cleaned(text))
    found = parts[1::2]
    parts[1::2] = map(_word, found)
    if not text.isascii():  # what hides a letter is gone from the parts, and umlauts with it
        found = _WORD.findall(unicodedata.normalize("NFKC", text))
    also = dict.fromkeys(filter(None, map(_also, found)))
    for pattern, signs in ((_HYPHENED, _HYPHENS), (_SLASHED, _SLASH)):
        if signs.search(text):
            also |= dict.fromkeys(filter(None, map(_joined, pattern.findall(text))))
    whole = "".join(parts)
    return whole, tuple(also), _compounds_of(whole)


_short = lru_cache(maxsize=100_000)(_written)
"""Names, keywords and places: many records have the same."""
_long = lru_cache(maxsize=64)(_written)
"""A description is part of two fields of its entry."""


@lru_cache(maxsize=50_000)
def _joined(word: str) -> str | None:
    """Join a word with hyphens; None where that is no word."""
    joined = normal(_glue(word))
    return joined if joined.isalnum() and len(joined) <= LONGEST_JOINED else None


@lru_cache(maxsize=200_000)
def _also(word: str) -> str | None:
    """Answer how a single word is also written: "Frühwirth" as "fruehwirth", and what a rule changed."""
    if _UMLAUT.search(folded := word.lower()):
        return _letters(folded.translate(_UMLAUTS))
    letters = _letters(word)
    written = _word(word)
    return letters if written != letters and not _compound(written.split()) else None


def _glued(match: re.Match[str]) -> str:
    return _glue(match[0])


@lru_cache(maxsize=50_000)
def _glue(word: str) -> str:
    """Join the parts of a word; not numbers, as 2019-2020 is a span, nor words of which one may choose."""
    parts = _WORD.findall(word)
    is_one = any(map(str.isdigit, word)) if "/" in word else True
    return "".join(parts) if is_one and not all(part.isdigit() for part in parts) else word


def _singular(word: str) -> str:
    """Take an English plural's ending away; roughly, for comparing names."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return (
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
    )
