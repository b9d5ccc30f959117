"""What can go wrong with an upstream, named by what the runner does next.

UpstreamError
  Unavailable   try again later: time-outs, 5xx, 429, cut or empty answers, an HTML page where data was due
    BrokenOff   a download stopped in the middle; whoever can pass over what he has may begin it again
    Overtaxed   the question was too large: the answer took too long, or broke off; who can may ask for less
  Refused       ask a person: 401, 403, a firewall's challenge, a host we may not ask
  Changed       stop this source, keep the bookmark: the answer's envelope is not the one we know,
                a token repeats, a question is no longer understood, an identity field is gone
  BadRecord     set this document aside in quarantine, go on with the next
"""

from __future__ import annotations

from config.redact import redact

LONGEST_ADDRESS = 300
"""Characters of an address that an error shows; a search for a hundred words says no more with the rest."""


def shortened(url: str) -> str:
    """Cut an address for people to read."""
    return url if len(url) <= LONGEST_ADDRESS else f"{url[:LONGEST_ADDRESS]}… ({len(url):,} characters)"


class UpstreamError(Exception):
    """Something about an upstream; the text says what, where and what helps, and no credentials."""

    def __init__(self, what: str, *, url: str | None = None, hint: str | None = None) -> None:
        what, url = redact(what), redact(url) if url else None
        self.what, self.url, self.hint = what, url, hint
        where = f" at {shortened(url)}" if url else ""
        super().__init__(f"{what}{where}{f'; {hint}' if hint else ''}")


class Unavailable(UpstreamError):
    """The upstream does not answer as it should just now. The bookmark stays; a later run goes on."""


class BrokenOff(Unavailable):
    """A download stopped in the middle, or what came is not whole."""


class Overtaxed(Unavailable):
    """The upstream could not answer a question as large as this one."""


class Refused(UpstreamError):
    """The upstream does not want us, or we are not allowed to ask it. A person must decide."""


class Changed(UpstreamError):
    """The upstream no longer speaks as the source expects. The bookmark stays until the source is mended."""


class BadRecord(UpstreamError):
    """One document cannot become a record."""
