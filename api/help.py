"""The forms of a query, each with examples that find something: what /help/search shows."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from index.entry import HAS, WORD_FIELDS
from index.query.fields import IS, VALUE_FIELDS


@dataclass(frozen=True, slots=True)
class Example:
    """A query to try."""

    words: str
    meaning: str
    empty_while: str | None = None
    """When it finds nothing, though nothing is wrong."""

    @property
    def url(self) -> str:
        """The page that answers it."""
        return "/?" + urlencode({"q": self.words})


@dataclass(frozen=True, slots=True)
class Form:
    """A form of the language."""

    title: str
    text: str
    examples: tuple[Example, ...]


FORMS = (
    Form(
        "Words",
        "All words must occur, in any order and in any text of the record. Case, accents and endings do "
        "not matter: cell finds cells. Signs are not searched; what follows a hyphen must follow in the "
        "text too.",
        (
            Example("cell membrane", "both words"),
            Example("membrane -yeast", "without yeast; so does NOT yeast"),
            Example("yeast OR zebrafish", "either; OR, AND and NOT are written in capitals"),
            Example("(yeast OR zebrafish) microscopy", "parentheses keep together; AND binds more than OR"),
        ),
    ),
    Form(
        "Phrases and parts of words",
        "Words in quotation marks stand together. ~3 after them lets them be moved by three places, in "
        "either order. A star ends the beginning of a word. ~ or ~2 after a word forgives one or two "
        "letters.",
        (
            Example('"light sheet"', "the two words side by side"),
            Example('"electron microscopy"~3', "up to three places between them"),
            Example("microscop*", "microscope, microscopy, microscopic"),
            Example("zebrafsh~", "one letter missing, wrong, too many or exchanged with the next"),
        ),
    ),
    Form(
        "Identifiers",
        "A DOI, ORCID iD, ROR id, PubMed or PubMed Central id, accession or the address of a record's "
        "page, pasted anywhere, finds its record first, then records that point at it. Any dash, prefix "
        "and case will do. Words around it need not occur, unless AND joins them.",
        (
            Example("EMPIAR-10310", "an accession"),
            Example("https://www.ebi.ac.uk/empiar/EMPIAR-10310/", "the address of a page"),
            Example("see doi:10.6019/EMPIAR-10310.", "a DOI in a sentence"),
            Example("id:EMPIAR-10310", "the record that bears it, and no other"),
        ),
    ),
    Form(
        "Words of a field",
        f"A word, a phrase, word* or word~ after {', '.join(f'{name}:' for name in WORD_FIELDS)} must "
        "stand in that text. In quotation marks, a name means the whole name, as the filter beside the "
        "results does.",
        (
            Example("title:membrane", "in the title"),
            Example("title:(light sheet)", "both in the title"),
            Example('description:"electron microscopy"', "as a phrase in the description"),
            Example("creator:smith*", "a creator with a name that begins so"),
            Example("funder:wellcome", "a funder with this word in the name"),
        ),
    ),
    Form(
        "Values of a field",
        f"Whole values stand after {', '.join(f'{name}:' for name in VALUE_FIELDS)}. Organisms, methods "
        "and licenses are known by all their names and ids.",
        (
            Example("source:empiar", "one repository"),
            Example("source:(idr OR ssbd)", "either of two"),
            Example("organism:human", "by any name or id, as organism:9606"),
            Example('imaging_method:"light sheet"', "several words need quotation marks"),
            Example("license:CC0-1.0", "by SPDX id or name"),
            Example("-kind:dataset", "all kinds but this"),
        ),
    ),
    Form(
        "Years, days and sizes",
        "Ranges of year:, published:, updated: and bytes: include both ends; an end may be left open. A "
        "date that is known in part only, as 2021 or 2021-02, is found by every range that it may lie "
        "in.",
        (
            Example("year:2019..2022", "published in these years"),
            Example("year:>=2019", "the same as year:2019.."),
            Example("published:2021-02..", "since February 2021"),
            Example("updated:>2020-12-31", "changed at the repository after that day"),
            Example("bytes:>1GB", "larger than a gigabyte (1000 megabytes)"),
            Example("bytes:100MB..5GB", "between"),
        ),
    ),
    Form(
        "What is stated, and how it is",
        f"has: takes {', '.join(HAS)}; is: takes {', '.join(IS)}. Records that their repository withdrew "
        "are found only where is:withdrawn is asked for.",
        (
            Example("has:publication", "a paper is linked"),
            Example("-has:license", "no license is stated"),
            Example("is:open has:files", "open, with a list of files"),
            Example("is:withdrawn", "taken back by the repository", "no record is withdrawn"),
        ),
    ),
)
"""What the page shows; docs/query-language.md says the same at length."""
