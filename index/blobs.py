"""Compression of documents and records: zstd with dictionaries trained on the node's own material.

A metadata document of 2 to 4 kB shrinks 1.7 times alone and 2.8 times with a dictionary (measured on
JSON records). Every frame names its dictionary, so blobs of all ages stay readable.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import zstandard

LEVEL = 3
DICTIONARY_BYTES = 65_536
SAMPLES_WANTED, SAMPLE_BYTES = 400, 6_000_000
"""A dictionary is trained once so many bodies were seen; of at most so many bytes together."""


class Blobs:
    """Packs and unpacks. Packing belongs to the one writer; unpacking may happen in any thread."""

    def __init__(self, dictionaries: Iterable[tuple[int, str, bytes]] = ()) -> None:
        self._dictionaries: dict[int, zstandard.ZstdCompressionDict] = {}
        self._compressors: dict[str, zstandard.ZstdCompressor] = {}
        self._samples: dict[str, list[bytes]] = {}
        self._plain = zstandard.ZstdCompressor(level=LEVEL)
        self._local = threading.local()
        for id_, purpose, content in dictionaries:
            self.add(id_, purpose, content)

    def add(self, id_: int, purpose: str, content: bytes) -> None:
        """Learn a dictionary."""
        dictionary = zstandard.ZstdCompressionDict(content)
        self._dictionaries[id_] = dictionary
        self._compressors[purpose] = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary)
        self._samples.pop(purpose, None)

    def pack(self, purpose: str, body: bytes) -> bytes:
        """Compress a body; remember it as a sample while its purpose has no dictionary."""
        compressor = self._compressors.get(purpose)
        if compressor is None:
            self._samples.setdefault(purpose, []).append(body)
            compressor = self._plain
        return compressor.compress(body)

    def unpack(self, blob: bytes) -> bytes:
        """Decompress a body, with the dictionary its frame names."""
        id_ = zstandard.get_frame_parameters(blob).dict_id
        ready: dict[int, zstandard.ZstdDecompressor] | None = getattr(self._local, "ready", None)
        if ready is None:
            ready = self._local.ready = {}
        if id_ not in ready:
            ready[id_] = zstandard.ZstdDecompressor(dict_data=self._dictionaries.get(id_))
        return ready[id_].decompress(blob)

    def knows(self, blob: bytes) -> bool:
        """Tell whether a blob can be unpacked: another process may have trained its dictionary."""
        id_ = zstandard.get_frame_parameters(blob).dict_id
        return id_ == 0 or id_ in self._dictionaries

    def train(self) -> list[tuple[int, str, bytes]]:
        """Train the dictionaries that are due. They are used only after `add`, once the caller kept them."""
        due = [purpose for purpose, seen in self._samples.items() if len(seen) >= SAMPLES_WANTED]
        trained = []
        for purpose in due:
            chosen = _at_most(self._samples.pop(purpose), SAMPLE_BYTES)
            try:
                dictionary = zstandard.train_dictionary(DICTIONARY_BYTES, chosen)
            except zstandard.ZstdError:
                continue  # too little or too uniform to learn from; the next samples may do
            trained.append((dictionary.dict_id(), purpose, dictionary.as_bytes()))
        return trained


def _at_most(samples: list[bytes], size: int) -> list[bytes | bytearray | memoryview]:
    chosen: list[bytes | bytearray | memoryview] = []
    for sample in samples:
        size -= len(sample)
        if size < 0:
            break
        chosen.append(sample)
    return chosen
