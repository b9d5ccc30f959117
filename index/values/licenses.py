"""Licenses, to SPDX ids (list of SPDX by the license-expression package).

Forms seen: "CC BY 4.0", "CC-BY 4.0", "cc-by-4.0", "Creative Commons Attribution 4.0 International", CC
addresses with `/legalcode` or a country, `/publicdomain/zero/1.0/` (which a peer's normalizer misses),
`https://spdx.org/licenses/CC0-1.0.html` (Dryad), info:eu-repo access terms (OpenAIRE), free text.
"CC BY" without a version is no SPDX id: the name stays, the id is None.
"""

from __future__ import annotations

import re
from functools import lru_cache

from license_expression import get_license_index

from index import vocab
from index.record import Access, License
from index.values import Cleaned
from index.values.text import line

_CC_URL = re.compile(
    r"creativecommons\.org/(?:licenses|publicdomain)/"
    r"(?P<code>by(?:-nc)?(?:-nd|-sa)?|zero|mark)/(?P<version>\d\.\d)(?:/(?P<port>[a-z]{2,3})\b)?"
)
_SPDX_URL = re.compile(r"(?:spdx\.org|opensource\.org)/licenses?/(?P<id>[a-z0-9.+-]+?)(?:\.html|/)?$")
_KNOWN_URLS = (
    ("apache.org/licenses/license-2.0", "apache-2.0"),
    ("gnu.org/licenses/old-licenses/gpl-2.0", "gpl-2.0-only"),
    ("gnu.org/licenses/gpl-3.0", "gpl-3.0-only"),
    ("gnu.org/licenses/lgpl-3.0", "lgpl-3.0-only"),
    ("gnu.org/licenses/agpl-3.0", "agpl-3.0-only"),
    ("opendatacommons.org/licenses/by", "odc-by-1.0"),
    ("opendatacommons.org/licenses/odbl", "odbl-1.0"),
    ("opendatacommons.org/licenses/pddl", "pddl-1.0"),
    ("mozilla.org/mpl/2.0", "mpl-2.0"),
)
_CC_NAME = re.compile(
    r"(?:cc|creative commons) (?:(?P<zero>0|zero)|(?P<terms>(?:by|attribution)"
    r"(?: (?:nc|sa|nd|non ?commercial|share ?alike|no ?deriv(?:ative)?s?(?: works)?))*))"
    r"(?: v?(?P<version>\d(?:\.\d)?))?(?: (?:international|unported|generic|universal|public domain"
    r" dedication|license|licence|intl|deed|public))*"
)
_SHORT = (("non ?commercial", "nc"), ("share ?alike", "sa"), ("no ?deriv.*", "nd"))
_ACCESS: dict[str, Access] = {
    "openaccess": "open",
    "embargoedaccess": "embargoed",
    "restrictedaccess": "restricted",
    "closedaccess": "closed",
}
_OPEN_BY_NAME = {
    "other open": True,  # Zenodo's two catch-alls
    "other not open": False,
    "in copyright": False,  # Figshare
    "cc by": True,  # no version, so no SPDX id, but every version is open
    "cc by sa": True,
}
_SAYS_NOTHING = {"license not specified", "not specified", "notspecified", "none", "unknown", "na"}
_SAYS_NOTHING |= {"no license"}


@lru_cache(maxsize=1)
def _spdx() -> dict[str, tuple[str, str]]:
    """Lower-case SPDX id -> the id in its own case, and the category; old ids lead to new ones."""
    table: dict[str, tuple[str, str]] = {}
    for entry in get_license_index():
        key = entry.get("spdx_license_key")
        if key and not entry["is_exception"] and not key.startswith("LicenseRef-"):
            for name in (key, *entry["other_spdx_license_keys"]):
                table.setdefault(name.lower(), (key, entry["category"]))
    return table


@lru_cache(maxsize=1)
def _aliases() -> dict[str, str]:
    return {row["alias"]: row["spdx"] for row in vocab.rows("licenses")}


@lru_cache(maxsize=4096)
def clean(name: str | None = None, url: str | None = None) -> Cleaned[License]:
    """Read a license from its name or id, its address, or one string that holds both."""
    text, _ = line(name)
    address, _ = line(url)
    if text and address is None and (found := re.search(r"https?://\S+", text)):
        address, text = found[0], text[: found.start()].strip(" ,;(") or None
    if text is None and address is None:
        return None, None
    if text is not None and _key(text) in _SAYS_NOTHING and address is None:
        return None, "license: says nothing"
    spdx = _from_url(address) or _from_name(text)
    license_ = License(spdx=spdx, name=text, url=address, open=_is_open(spdx, text))
    return license_, None if spdx else "license: not in SPDX"


def access(raw: object) -> Access | None:
    """Read an info:eu-repo access term, such as info:eu-repo/semantics/openAccess."""
    if not isinstance(raw, str):
        return None
    term = raw.strip().rsplit("/", 1)[-1].lower().replace(" ", "")
    return _ACCESS.get(term) if "info:eu-repo" in raw or term in _ACCESS else None


def _from_url(url: str | None) -> str | None:
    if url is None:
        return None
    low = url.lower()
    if match := _CC_URL.search(low):
        if match["code"] in {"zero", "mark"}:
            return "CC0-1.0" if match["code"] == "zero" else "CC-PDM-1.0"
        whole = f"cc-{match['code']}-{match['version']}"
        return _known(f"{whole}-{match['port']}") or _known(whole)
    if match := _SPDX_URL.search(low):
        return _known(match["id"])
    for fragment, spdx in _KNOWN_URLS:
        if fragment in low:
            return _known(spdx)
    return None


def _from_name(name: str | None) -> str | None:
    if name is None:
        return None
    key = _key(name)
    exact = _known(name.strip().lower().removeprefix("spdx:").replace(" ", "-"))
    if exact is not None or key in _aliases():
        return exact or _aliases()[key]
    match = _CC_NAME.fullmatch(re.sub(r"\bcc0\b", "cc 0", key))
    if match is None:
        return None
    if match["zero"]:
        return "CC0-1.0"
    terms = match["terms"].replace("attribution", "by")
    for long, short in _SHORT:
        terms = re.sub(long, short, terms)
    version = match["version"] or ""
    return _known(f"cc-{terms.replace(' ', '-')}-{version}{'' if '.' in version else '.0'}")


def _key(name: str) -> str:
    """Fold a name for look-up: lower case, words and versions apart by one space."""
    return " ".join(re.findall(r"[a-z0-9.+]+", name.lower()))


def _known(spdx: str) -> str | None:
    found = _spdx().get(spdx.lower())
    return found[0] if found else None


def _is_open(spdx: str | None, name: str | None) -> bool | None:
    if spdx is None:
        return _OPEN_BY_NAME.get(_key(name or ""))
    if re.search(r"-(NC|ND)\b", spdx):
        return False
    category = _spdx()[spdx.lower()][1]
    return category in {"Permissive", "Copyleft", "Copyleft Limited", "Public Domain"} or None
