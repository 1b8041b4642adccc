"""Images in Parquet, as Hugging Face lays them out: a column of ``{bytes, path}``.

A column of plain binary is taken too, where its name says that it holds images. Of all columns only
this one is read, a row group at a time, because Arrow decodes no less; what `datasets` writes has
100 images in each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from service.bulk.errors import NoImageColumn, SourceUnreadable
from service.bulk.formats import load_pyarrow
from service.bulk.places import Found, Place

NAMES: Final = ("image", "img", "bytes", "jpg", "jpeg", "png", "webp")
"""Names of a column of images, the likeliest first."""

MOST_GROUP_BYTES: Final = 2**30
"""Images in one row group, which are in memory together, about twice."""


def row_groups(place: Place, found: Found) -> tuple[int, ...]:
    """Return the rows of each row group; of a file that is no Parquet, one group of one row.

    That row becomes the one that says so, when it is read.

    Raises:
        NoImageColumn: the file has no column of images, and what it has instead.
        SourceUnreadable: its row groups are too large for memory.
    """
    arrow = load_pyarrow(found.path)
    with place.open(found) as file:
        try:
            parquet = arrow.parquet.ParquetFile(file)
        except (arrow.ArrowInvalid, OSError):
            return (1,)
        name, _ = _column(arrow, parquet.schema_arrow, found.path)
        groups = [parquet.metadata.row_group(n) for n in range(parquet.metadata.num_row_groups)]
        largest = max((_column_bytes(group, name) for group in groups), default=0)
        if largest > MOST_GROUP_BYTES:
            reason = (
                f"a row group of {largest} bytes is too large to be held in memory; write the file "
                f"again with smaller ones (row_group_size=100)"
            )
            raise SourceUnreadable(location=found.path, reason=reason)
        return tuple(group.num_rows for group in groups)


@contextmanager
def open_rows(
    place: Place, found: Found, groups: range, batch: int
) -> Iterator[Iterator[tuple[bytes | None, str | None]]]:
    """Give the encoded image and path of each row of some row groups.

    Raises:
        ArrowInvalid, OSError: the file is damaged, here or on the way.
    """
    arrow = load_pyarrow(found.path)
    with place.open(found) as file:
        parquet = arrow.parquet.ParquetFile(file, pre_buffer=False)
        name, is_struct = _column(arrow, parquet.schema_arrow, found.path)
        batches = parquet.iter_batches(
            batch_size=batch, row_groups=list(groups), columns=[name], use_threads=False
        )
        yield (
            (value.get("bytes"), value.get("path")) if is_struct and value else (value, None)
            for rows in batches
            for value in rows.column(0).to_pylist()
        )


def damages() -> tuple[type[Exception], ...]:
    """Return what reading a damaged Parquet file raises."""
    arrow = load_pyarrow("Parquet")
    return (arrow.ArrowInvalid, arrow.ArrowException, OSError)


def _column(arrow: Any, schema: Any, path: str) -> tuple[str, bool]:  # noqa: ANN401  # untyped
    """Return the column of images, and whether it is a struct."""

    def is_binary(kind: Any) -> bool:  # noqa: ANN401
        return bool(arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind))

    structs = [
        field.name
        for field in schema
        if arrow.types.is_struct(field.type)
        and field.type.get_field_index("bytes") >= 0
        and is_binary(field.type.field("bytes").type)
    ]
    plain = [field.name for field in schema if is_binary(field.type) and field.name in NAMES]
    for candidates, is_struct in ((structs, True), (plain, False)):
        if candidates:
            return min(candidates, key=_likelihood), is_struct
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
    raise NoImageColumn(
        location=path, reason=f"no column of images {{bytes, path}} among {columns}"
    )


def _column_bytes(group: Any, name: str) -> int:  # noqa: ANN401  # untyped
    columns = (group.column(n) for n in range(group.num_columns))
    return sum(
        column.total_uncompressed_size
        for column in columns
        if column.path_in_schema.split(".")[0] == name
    )


def _likelihood(name: str) -> int:
    return NAMES.index(name) if name in NAMES else len(NAMES)
