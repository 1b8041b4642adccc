"""Corrections in the database, and the pictures beside them; every method may block.

A correction lives for ``days`` from the moment it was first received, whatever happens to it
later. Deleting is real: SQLite overwrites the row, PostgreSQL is told to reclaim it, and the
picture's file is removed. Copies that the operator made are the operator's to delete.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from service.feedback.corrections import Correction, Kept, Recorded, Status
from service.feedback.database import connect, migrate, reclaim
from service.feedback.errors import (
    ANOTHER_CORRECTION,
    ANOTHER_IMAGE,
    FeedbackFull,
    ResultConflict,
)
from service.feedback.pictures import PictureFolder
from service.feedback.tables import CORRECTIONS
from service.settings import Settings

THREADS: Final = 4
"""Threads, and connections, that one process works with."""
PAGE: Final = 1000
"""Rows read or deleted in one transaction."""

_columns: Final = CORRECTIONS.c


class CorrectionStore:
    """What is kept; safe to use from several threads and by several processes."""

    def __init__(
        self, engine: Engine, *, max_rows: int, pictures: PictureFolder | None, max_bytes: int
    ) -> None:
        self._engine = engine
        self._max_rows = max_rows
        self._pictures = pictures
        self._max_bytes = max_bytes
        self._migrating = threading.Lock()
        self._migrated = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the store that the settings name; nothing is connected yet."""
        folder = settings.feedback_images
        return cls(
            connect(
                settings.feedback_url, timeout=settings.feedback_timeout_seconds, threads=THREADS
            ),
            max_rows=settings.feedback_max_rows,
            pictures=None if folder is None else PictureFolder(folder),
            max_bytes=settings.feedback_images_max_bytes,
        )

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def ready(self) -> None:
        """Bring the tables up to date, once; a database that was down is asked again next time."""
        with self._migrating:
            if not self._migrated:
                migrate(self._engine)
                self._migrated = True

    def record(self, correction: Correction, picture: bytes | None = None) -> Recorded:
        """Keep a correction; the same again changes nothing, another one of the result replaces it.

        Raises:
            ResultConflict: the result is known with another model or another label offered.
            FeedbackFull: there is no room for it, or for its picture.
            SQLAlchemyError, OSError: the database, or the folder of pictures.
        """
        self.ready()
        try:
            return self._record(correction, picture)
        except IntegrityError:  # recorded by somebody else since we looked
            return self._record(correction, picture)

    def _record(self, correction: Correction, picture: bytes | None) -> Recorded:
        saved: str | None = None
        replaced: str | None = None
        try:
            with self._engine.begin() as connection:
                known = connection.execute(
                    select(CORRECTIONS)
                    .where(_columns.result_id == correction.result_id)
                    .with_for_update()
                ).one_or_none()
                if known is not None and _is_same(known, correction, picture):
                    return Recorded(Status.UNCHANGED, image=known.image is not None)
                values: dict[str, Any] = _values(correction) | {"changed": datetime.now(UTC)}
                if picture is not None and self._pictures is not None:
                    self._ensure_room_for(connection, picture, known)
                    saved = self._pictures.save(picture)
                    replaced = None if known is None else known.image
                    values |= {"image": saved, "image_bytes": len(picture)}
                if known is None:
                    self._ensure_room(connection)
                    connection.execute(
                        insert(CORRECTIONS).values(**values, received=values["changed"])
                    )
                else:
                    connection.execute(
                        update(CORRECTIONS).where(_columns.id == known.id).values(**values)
                    )
        except BaseException:
            self._delete_pictures(saved)
            raise
        self._delete_pictures(replaced)
        image = saved is not None or (known is not None and known.image is not None)
        return Recorded(Status.RECORDED if known is None else Status.UPDATED, image=image)

    def _ensure_room(self, connection: Connection) -> None:
        """Count by the ids: they grow by one, and the oldest are deleted first."""
        first, last = connection.execute(select(func.min(_columns.id), func.max(_columns.id))).one()
        if first is not None and last - first + 1 >= self._max_rows:
            raise FeedbackFull(ANOTHER_CORRECTION)

    def _ensure_room_for(
        self, connection: Connection, picture: bytes, known: Row[Any] | None
    ) -> None:
        held = connection.execute(select(func.coalesce(func.sum(_columns.image_bytes), 0)))
        freed = 0 if known is None else known.image_bytes
        if held.scalar_one() - freed + len(picture) > self._max_bytes:
            raise FeedbackFull(ANOTHER_IMAGE)

    def _delete_pictures(self, *names: str | None) -> None:
        if self._pictures is not None:
            self._pictures.delete(name for name in names if name is not None)

    def all(self) -> Iterator[Kept]:
        """Yield every correction, the oldest first, page by page; raises SQLAlchemyError."""
        self.ready()
        after = 0
        while True:
            with self._engine.begin() as connection:
                page = connection.execute(
                    select(CORRECTIONS).where(_columns.id > after).order_by(_columns.id).limit(PAGE)
                ).all()
            if not page:
                return
            yield from map(_kept, page)
            after = page[-1].id

    def counts(self) -> list[tuple[str, str, str, str | None, int]]:
        """Return model, version, label offered, right label and how often; raises SQLAlchemyError.

        In the order of their names, so that the same corrections give the same list.
        """
        self.ready()
        keys = (_columns.model_name, _columns.model_version, _columns.offered, _columns.label)
        with self._engine.begin() as connection:
            rows = connection.execute(select(*keys, func.count()).group_by(*keys)).all()
        counted = [(row[0], row[1], row[2], row[3], int(row[4])) for row in rows]
        return sorted(counted, key=lambda row: (*row[:3], row[3] or ""))

    def purge(self, *, days: float) -> int:
        """Delete every correction received more than ``days`` ago; return how many.

        Raises:
            SQLAlchemyError, OSError: the database, or the folder of pictures.
        """
        self.ready()
        before = datetime.now(UTC) - timedelta(days=days)
        total = 0
        while deleted := self._purge_page(before):
            total += deleted
        if total:
            reclaim(self._engine)
        if self._pictures is not None:
            self._pictures.sweep(self._known_pictures())
        return total

    def _purge_page(self, before: datetime) -> int:
        with self._engine.begin() as connection:
            old = connection.execute(
                select(_columns.id, _columns.image)
                .where(_columns.received <= before)
                .order_by(_columns.id)
                .limit(PAGE)
            ).all()
            self._delete_pictures(*(row.image for row in old))
            ids = [row.id for row in old]
            connection.execute(delete(CORRECTIONS).where(_columns.id.in_(ids)))
        return len(old)

    def forget(self, result_id: str) -> bool:
        """Delete the correction of one result and return whether there was one; as ``purge``."""
        self.ready()
        with self._engine.begin() as connection:
            known = connection.execute(
                select(_columns.id, _columns.image).where(_columns.result_id == result_id)
            ).one_or_none()
            if known is None:
                return False
            self._delete_pictures(known.image)
            connection.execute(delete(CORRECTIONS).where(_columns.id == known.id))
        reclaim(self._engine)
        return True

    def _known_pictures(self) -> set[str]:
        with self._engine.begin() as connection:
            named = select(_columns.image).where(_columns.image.is_not(None))
            return set(connection.execute(named).scalars())


def _values(correction: Correction) -> dict[str, str | None]:
    return {
        "result_id": correction.result_id,
        "model_name": correction.model_name,
        "model_version": correction.model_version,
        "offered": correction.offered,
        "label": correction.label,
        "comment": correction.comment,
    }


def _is_same(known: Row[Any], correction: Correction, picture: bytes | None) -> bool:
    """Return whether nothing is new; raises ResultConflict when it is about another result."""
    kept = _kept(known).correction
    about = (kept.model_name, kept.model_version, kept.offered)
    if about != (correction.model_name, correction.model_version, correction.offered):
        raise ResultConflict
    return kept == correction and (picture is None or known.image is not None)


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        id=row.id,
        correction=Correction(
            row.result_id, row.model_name, row.model_version, row.offered, row.label, row.comment
        ),
        received=row.received,
        changed=row.changed,
        image=row.image,
    )
