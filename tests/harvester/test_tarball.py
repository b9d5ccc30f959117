"""A gzipped tar that is read while it arrives."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import BrokenOff
from harvester.protocols.tarball import TarGz


def packed(members: dict[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w|gz") as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return raw.getvalue()


def unpacked(content: bytes, step: int, largest: int = 10_000) -> tuple[dict[str, bytes], TarGz]:
    archive = TarGz(largest, where="here")
    found: dict[str, bytes] = {}
    for start in range(0, len(content), step):
        found.update(archive.feed(content[start : start + step]))
    archive.close()
    return found, archive


@given(
    members=st.dictionaries(st.text("abc012.", min_size=1, max_size=8), st.binary(max_size=2000), max_size=6),
    step=st.integers(1, 700),
)
def test_members_come_out_as_they_went_in_however_they_arrive(members: dict[str, bytes], step: int) -> None:
    assert unpacked(packed(members), step)[0] == members


def test_a_member_too_large_is_passed_over_and_named() -> None:
    found, archive = unpacked(packed({"a": b"x" * 5000, "b": b"y"}), 100, largest=4999)
    assert (found, archive.oversized) == ({"b": b"y"}, ["a"])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_archive_cut_short_is_no_archive(share: float) -> None:
    content = packed({str(number): bytes(1000) for number in range(20)})
    with pytest.raises(BrokenOff):
        unpacked(content[: int(len(content) * share)], 64)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><p>", gzip.compress(b"no tar" * 200)])
def test_what_is_no_archive_is_an_outage(content: bytes) -> None:
    with pytest.raises(BrokenOff):
        unpacked(content, 64)
