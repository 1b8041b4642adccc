"""Sources for bulk labelling: the same pictures as a folder, as a tar and in Parquet."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.pictures import FORMATS, encode, encode_turned, noise, quarters

GOOD = {
    **{f"{name.lower()}.{name.lower()}": encode(quarters(64, 48), name) for name in FORMATS},
    "turned.jpg": encode_turned(quarters(90, 60), "JPEG", 6),
    "large.jpg": encode(noise(900, 700, seed=1), "JPEG"),
    "grey.png": encode(noise(40, 40, seed=2, bands=1), "PNG"),
    **{f"noise{n:02}.png": encode(noise(20 + n, 30, seed=n), "PNG") for n in range(10)},
}
BAD = {
    "cut.png": encode(noise(64, 48), "PNG")[:500],
    "empty.gif": b"",
    "photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1",
    "text.jpg": b"no image at all",
}
IMAGES = dict(sorted((GOOD | BAD).items()))
"""Pictures in every format and some that are none, by name, in the order of names."""


def write_folder(folder: Path, images: dict[str, bytes] = IMAGES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in images.items():
        (folder / name).write_bytes(data)
    return folder


def write_tar(path: Path, images: dict[str, bytes] = IMAGES) -> Path:
    compressed = path.suffix == ".gz"
    with tarfile.open(path, "w:gz") if compressed else tarfile.open(path, "w") as tar:
        for name, data in images.items():
            member = tarfile.TarInfo(f"photos/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
            note = tarfile.TarInfo(f"photos/{name}.json")
            tar.addfile(note, io.BytesIO(b""))
    return path


def write_parquet(
    path: Path, images: dict[str, bytes] = IMAGES, *, row_group_size: int = 7
) -> Path:
    rows = [{"bytes": data, "path": name} for name, data in images.items()]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"label": list(range(len(rows))), "image": pa.array(rows, kind)})
    pq.write_table(
        table, path, row_group_size=row_group_size, compression="none", use_dictionary=False
    )
    return path
