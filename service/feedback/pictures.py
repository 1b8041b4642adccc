"""The folder of images that their senders agreed to give.

A picture is decoded and written anew as a JPEG of at most ``LONGEST_SIDE`` pixels, so that no
EXIF, no position and no trick of a file format is ever stored. Names are our own.
"""

from __future__ import annotations

import io
import os
import re
import time
import uuid
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from PIL import Image

from service.contract import decode_image

LONGEST_SIDE: Final = 1024
_QUALITY: Final = 90
_NAME: Final = re.compile(r"[0-9a-f]{32}\.jpg")
_UNFINISHED: Final = ".part"
_ORPHANED_AFTER_SECONDS: Final = 3600.0


def without_metadata(data: bytes, *, max_pixels: int) -> bytes:
    """Return a picture as a small upright JPEG that holds pixels and nothing else.

    Raises:
        UnsupportedImage, ImageTooLarge, UndecodableImage: the image.
    """
    image = decode_image(data, max_pixels=max_pixels).image
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    plain = Image.new("RGB", image.size)
    plain.paste(image)
    buffer = io.BytesIO()
    plain.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


class PictureFolder:
    """Files of one folder, which nobody but the service's user can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, picture: bytes) -> str:
        """Write a picture whole or not at all, and return its name; raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{uuid.uuid4().hex}.jpg"
        unfinished = self._folder / (name + _UNFINISHED)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(picture)
            unfinished.rename(self._folder / name)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        return name

    def delete(self, names: Iterable[str]) -> None:
        """Delete pictures; one that is gone already is no error. Raises OSError."""
        for name in names:
            if _NAME.fullmatch(name):
                (self._folder / name).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """Return every picture of ours in the folder, unfinished ones too, that is an hour old."""
        if not self._folder.is_dir():
            return set()
        latest = time.time() - _ORPHANED_AFTER_SECONDS
        return {
            entry.name
            for entry in self._folder.iterdir()
            if _NAME.fullmatch(entry.name.removesuffix(_UNFINISHED))
            and entry.stat().st_mtime < latest
        }

    def sweep(self, known: Collection[str]) -> None:
        """Delete what no correction knows of: a crash between file and row leaves such files."""
        for name in self.names().difference(known):
            (self._folder / name).unlink(missing_ok=True)
