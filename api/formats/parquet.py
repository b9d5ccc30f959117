"""Records as Parquet, by pyarrow: the columns of csv, with their types and real lists.

pyarrow is 170 MB on disk, more than all the rest together, so it is an extra (docs/decisions); this is
the only module that imports it.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from api.formats.flat import COLUMNS
from index.record import Json

_TYPES = {"text": pa.string(), "integer": pa.int64(), "truth": pa.bool_(), "list": pa.list_(pa.string())}
SCHEMA = pa.schema([(column.name, _TYPES[column.kind]) for column in COLUMNS])

GROUP = 5_000
"""Rows per row group: a group must be whole to be written, and takes 80 MB of memory while it is."""


class _Sink:
    """A file, as far as pyarrow asks for one, that only grows and whose content can be taken away."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def write(self, part: bytes) -> int:
        body = bytes(part)  # pyarrow lends its buffer for the call only
        self._parts.append(body)
        self._length += len(body)
        return len(body)

    def flush(self) -> None:
        """Do nothing: whoever takes the content writes it."""

    def close(self) -> None:
        self.closed = True

    def tell(self) -> int:
        return self._length

    def take(self) -> bytes:
        body = b"".join(self._parts)
        self._parts = []
        return body


class ParquetWriter:
    """Writes a Parquet file that is taken away while it grows."""

    def __init__(self, about: dict[str, str]) -> None:
        """Begin a file.

        Args:
            about: what the file's own metadata say of where it comes from.
        """
        self._sink = _Sink()
        schema = SCHEMA.with_metadata({"headwater": orjson.dumps(about)})
        self._writer = pq.ParquetWriter(self._sink, schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []

    def open(self) -> bytes:
        """Answer what stands before the first row."""
        return self._sink.take()

    def write(self, records: Sequence[Json]) -> bytes:
        """Take rows; answer what is whole by now, perhaps nothing."""
        arrays = [pa.array(column.get(records), _TYPES[column.kind]) for column in COLUMNS]
        self._waiting.append(pa.record_batch(arrays, schema=SCHEMA))
        if sum(batch.num_rows for batch in self._waiting) < GROUP:
            return b""
        self._group()
        return self._sink.take()

    def close(self) -> bytes:
        """Answer the rest, with the footer."""
        if self._waiting:
            self._group()
        self._writer.close()
        return self._sink.take()

    def _group(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._waiting).combine_chunks())
        self._waiting = []
