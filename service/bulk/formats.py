"""The three formats of a target: how a part's rows become bytes, and how parts become the target.

A part is in the target's own format, so that joining copies and never converts. Equal rows give
equal bytes, whoever wrote them and in however many runs.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, Protocol

from service.bulk.errors import MissingExtra, UnknownFormat
from service.bulk.rows import Row
from service.contract import Manifest

COLUMNS: Final = (
    "file",
    "member",
    "row",
    "decision",
    "label",
    "label_es",
    "label_en",
    "score",
    "labels",
    "width",
    "height",
    "media_type",
    "error",
    "error_es",
    "error_en",
    "model",
    "model_sha256",
)
"""The columns of every format, in order; `label` to `score` are those of the best label."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Format(Protocol):
    """One of the formats; ``suffix`` is a part's."""

    suffix: str

    def encode(self, rows: Sequence[Row], manifest: Manifest) -> bytes:
        """Return the bytes of one part; the manifest has the labels' names."""
        ...

    def join(self, parts: Iterable[bytes], target: BinaryIO) -> None:
        """Write the target from its parts, one in memory at a time."""
        ...


class JsonLines:
    """One JSON object a line, UTF-8."""

    suffix = "jsonl"

    def encode(self, rows: Sequence[Row], manifest: Manifest) -> bytes:
        """Return a line for each row."""
        records = (record_of(row, manifest) for row in rows)
        lines = (json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records)
        return "".join(line + "\n" for line in lines).encode()

    def join(self, parts: Iterable[bytes], target: BinaryIO) -> None:
        """Write one part after the other."""
        target.writelines(parts)


class Csv:
    """RFC 4180 in UTF-8 with one line of names; ``labels`` holds JSON.

    A name that a spreadsheet would run as a formula gets ``./`` before it, which names the same
    file.
    """

    suffix = "csv"

    def encode(self, rows: Sequence[Row], manifest: Manifest) -> bytes:
        """Return the rows without a header."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        for row in rows:
            record = record_of(row, manifest)
            record["labels"] = json.dumps(record["labels"], ensure_ascii=False)
            for name in ("file", "member"):
                if str(record[name] or "").startswith(_FORMULA):
                    record[name] = f"./{record[name]}"
            writer.writerow(record)
        return text.getvalue().encode()

    def join(self, parts: Iterable[bytes], target: BinaryIO) -> None:
        """Write the header, and one part after the other."""
        target.write((",".join(COLUMNS) + "\r\n").encode())
        target.writelines(parts)


class Parquet:
    """Parquet with zstd; a part becomes a row group."""

    suffix = "parquet"

    def __init__(self) -> None:
        self._arrow = load_pyarrow("Parquet")

    def encode(self, rows: Sequence[Row], manifest: Manifest) -> bytes:
        """Return a whole Parquet file, column by column: row by row takes several times as long."""
        buffer = io.BytesIO()
        schema = self._schema()
        columns = self._columns(rows, manifest, schema)
        arrays = [
            one if isinstance(one, self._arrow.Array) else self._arrow.array(one, field.type)
            for one, field in zip(columns, schema, strict=True)
        ]
        table = self._arrow.Table.from_arrays(arrays, schema=schema)
        self._arrow.parquet.write_table(table, buffer, compression="zstd")
        return buffer.getvalue()

    def join(self, parts: Iterable[bytes], target: BinaryIO) -> None:
        """Write each part's rows as they are."""
        parquet = self._arrow.parquet
        with parquet.ParquetWriter(target, self._schema(), compression="zstd") as writer:
            for part in parts:
                writer.write_table(parquet.read_table(io.BytesIO(part), schema=self._schema()))

    def _columns(self, rows: Sequence[Row], manifest: Manifest, schema: Any) -> Iterator[Any]:  # noqa: ANN401
        """Yield what each of ``COLUMNS`` holds, as lists or arrays."""
        arrow = self._arrow
        names = [
            arrow.array([getattr(label, name) for label in manifest.labels], arrow.string())
            for name in ("id", "es", "en")
        ]
        best = arrow.array([next(iter(row.class_indices), None) for row in rows], arrow.int32())
        classes = arrow.array(list(chain.from_iterable(row.class_indices for row in rows)), "int32")
        scores = arrow.array(list(chain.from_iterable(row.scores for row in rows)), "float64")
        starts = [0, *accumulate(len(row.class_indices) for row in rows)]
        label = schema.field("labels").type.value_type
        labels = arrow.StructArray.from_arrays(
            [*(name.take(classes) for name in names), scores], fields=list(label)
        )
        yield from ([getattr(row, name) for row in rows] for name in COLUMNS[:4])
        yield from (name.take(best) for name in names)
        yield [next(iter(row.scores), None) for row in rows]
        yield arrow.ListArray.from_arrays(arrow.array(starts, "int32"), labels)
        yield from ([getattr(row, name) for row in rows] for name in COLUMNS[9:12])
        for name in ("slug", "es", "en"):
            yield [row.failure and getattr(row.failure, name) for row in rows]
        for said in ("/".join(manifest.ref), manifest.model_sha256):
            yield arrow.repeat(said, len(rows))

    def _schema(self) -> Any:  # noqa: ANN401  # pyarrow ships no types
        arrow = self._arrow
        text, number, score = arrow.string(), arrow.int32(), arrow.float64()
        label = arrow.struct([("id", text), ("es", text), ("en", text), ("score", score)])
        kinds = {
            "row": arrow.int64(),
            "score": score,
            "labels": arrow.list_(label),
            "width": number,
            "height": number,
        }
        return arrow.schema([(name, kinds.get(name, text)) for name in COLUMNS])


def record_of(row: Row, manifest: Manifest) -> dict[str, Any]:
    """Return a row by the names of its columns; what it lacks is None."""
    labels = [manifest.labels[index] for index in row.class_indices]
    best = labels[0] if labels else None
    return {
        "file": row.file,
        "member": row.member,
        "row": row.row,
        "decision": row.decision,
        "label": best and best.id,
        "label_es": best and best.es,
        "label_en": best and best.en,
        "score": row.scores[0] if best else None,
        "labels": [
            {"id": label.id, "es": label.es, "en": label.en, "score": score}
            for label, score in zip(labels, row.scores, strict=True)
        ],
        "width": row.width,
        "height": row.height,
        "media_type": row.media_type,
        "error": row.failure and row.failure.slug,
        "error_es": row.failure and row.failure.es,
        "error_en": row.failure and row.failure.en,
        "model": "/".join(manifest.ref),
        "model_sha256": manifest.model_sha256,
    }


def format_of(target: str) -> Format:
    """Return the format that a target's name ends in.

    Raises:
        UnknownFormat: it ends in no format.
        MissingExtra: Parquet without pyarrow.
    """
    match PurePosixPath(target).suffix.lower():
        case ".parquet":
            return Parquet()
        case ".csv":
            return Csv()
        case ".jsonl" | ".ndjson":
            return JsonLines()
        case _:
            raise UnknownFormat(target=target)


def load_pyarrow(what: str) -> Any:  # noqa: ANN401  # it ships no types
    """Return pyarrow with ``pyarrow.parquet``, for whoever meets a Parquet file.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # 0.3 s and 100 MB that most commands do without
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(what=what, package="pyarrow", extra="bulk") from error
    return pa
