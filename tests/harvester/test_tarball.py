"""A gzipped tar that is read while it arrives."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import BrokenOff, Changed
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
    members=st.dictionaries(st.text("abc012", min_size=1, max_size=8), st.binary(max_size=2000), max_size=6),
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


def crafted(*members: tuple[str, bytes, bytes], size: int | None = None) -> bytes:
    """An archive of members by name, type and content; a size of its own for headers that lie."""
    raw = io.BytesIO()
    for name, type_, body in members:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = type_, len(body) if size is None else size, "/etc/passwd"
        raw.write(info.tobuf(tarfile.GNU_FORMAT))
        raw.write(body + bytes(-len(body) % 512))
    raw.write(bytes(1024))
    return gzip.compress(raw.getvalue())


@pytest.mark.parametrize("type_", list(b"12346S"))
def test_a_link_or_device_by_a_documents_name_is_passed_over_and_named(type_: int) -> None:
    content = crafted(("1.json", bytes([type_]), b""), ("2.json", tarfile.REGTYPE, b"{}"))
    found, archive = unpacked(content, 100)
    assert (found, archive.refused) == ({"2.json": b"{}"}, ["1.json"])


@pytest.mark.parametrize(
    "name", ["/etc/1.json", "../1.json", "a/../../1.json", "a/..", "..\\1.json", "\\1.json"]
)
def test_a_path_that_leads_out_of_the_archive_is_passed_over_and_named(name: str) -> None:
    content = crafted((name, tarfile.REGTYPE, b"{}"), ("a..b/2..json", tarfile.REGTYPE, b"{}"))
    found, archive = unpacked(content, 100)
    assert (found, archive.refused) == ({"a..b/2..json": b"{}"}, [name])


def test_a_link_that_claims_content_does_not_swallow_what_follows() -> None:
    link = crafted(("1.json", tarfile.SYMTYPE, b""), size=5_000)
    head = gzip.decompress(link)[:512]
    rest = gzip.decompress(crafted(("2.json", tarfile.REGTYPE, b"{}")))
    assert unpacked(gzip.compress(head + rest), 100)[0] == {"2.json": b"{}"}


def test_a_member_of_negative_size_is_a_broken_archive() -> None:
    with pytest.raises(BrokenOff, match="negative size"):
        unpacked(crafted(("1.json", tarfile.REGTYPE, b"{}"), size=-512), 100)


def test_a_member_that_claims_more_than_the_archive_holds_costs_no_memory() -> None:
    content = crafted(("1.json", tarfile.REGTYPE, b"x" * 600), size=2**60)
    archive = TarGz(10_000, where="here")
    assert list(archive.feed(content)) == []
    assert (archive.oversized, len(archive._buffer)) == (["1.json"], 0)
    with pytest.raises(BrokenOff, match="ended early"):
        archive.close()


def test_a_bomb_is_refused_before_it_costs_time() -> None:
    bomb = crafted(("1.bin", tarfile.REGTYPE, bytes(60 * 1024 * 1024)))
    with pytest.raises(Changed, match="more than 200 times its size"):
        unpacked(bomb, 10_000)


def test_an_archive_of_empty_gzip_members_is_refused() -> None:
    with pytest.raises(Changed, match="empty gzip members"):
        unpacked(gzip.compress(b"") * 3_000, 10_000)


def test_a_packed_member_is_handed_over_packed() -> None:
    inner = gzip.compress(bytes(9_000_000))
    assert unpacked(packed({"nested.gz": inner}), 512)[0] == {"nested.gz": inner}
