"""The database of corrections: SQLite in a file, or PostgreSQL by its address.

The time limits are the database's own as well, since no other thread can stop one that waits: to
connect, for a lock, for a statement, and for an answer that never comes over the network.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ONLY_ONE_MIGRATES: Final = 0x726F74756C6F  # "rotulo": PostgreSQL's lock while a replica migrates


def connect(url: str, *, timeout: float, threads: int) -> Engine:
    """Return an engine that waits for nothing longer than ``timeout`` seconds; connects later.

    Raises:
        ModuleNotFoundError: the driver of PostgreSQL is not installed.
    """
    address = make_url(url)
    sqlite = address.get_backend_name() == "sqlite"
    engine = create_engine(
        address if sqlite else address.set(drivername="postgresql+psycopg"),
        connect_args=_sqlite_arguments(timeout) if sqlite else _postgres_arguments(timeout),
        pool_size=threads,
        max_overflow=0,
        pool_timeout=timeout,
        pool_pre_ping=not sqlite,
        hide_parameters=True,  # what people wrote is in no message of an error
    )
    if sqlite:
        _prepare_sqlite(engine, address)
    return engine


def _sqlite_arguments(timeout: float) -> dict[str, Any]:
    return {"timeout": timeout}


def _postgres_arguments(timeout: float) -> dict[str, Any]:
    milliseconds = math.ceil(1000 * timeout)
    limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    return {
        "connect_timeout": max(2, math.ceil(timeout)),  # libpq takes nothing shorter
        "tcp_user_timeout": milliseconds,
        "options": " ".join(f"-c {limit}={milliseconds}" for limit in limits),
        "application_name": "rotulo",
    }


def _prepare_sqlite(engine: Engine, address: URL) -> None:
    """Let transactions be whole, deleted rows be overwritten, and nobody else read the file."""

    def on_connect(connection: Any, _: object) -> None:  # noqa: ANN401  # the driver's own
        connection.isolation_level = None  # or the driver begins too late, and never around DDL
        connection.execute("PRAGMA secure_delete=ON")

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def create_privately(*_: object) -> None:
        if address.database:
            with suppress(OSError):  # what is wrong with the file, SQLite says on opening it
                os.close(os.open(address.database, os.O_CREAT | os.O_RDWR, 0o600))

    event.listen(engine, "do_connect", create_privately)
    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def migrate(engine: Engine) -> None:
    """Bring the tables to what this version needs; of several replicas one does it.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database fails, or does not answer.
        alembic.util.CommandError: the tables are of a later version than this one.
    """
    from alembic import command  # noqa: PLC0415  # only a service that keeps corrections needs it
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            lock = text("SELECT pg_advisory_xact_lock(:key)")
            connection.execute(lock, {"key": _ONLY_ONE_MIGRATES})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def reclaim(engine: Engine) -> None:
    """Make PostgreSQL give up the space of deleted rows; SQLite has overwritten them already."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM corrections"))
        connection.invalidate()  # its time limit is gone, so it serves nobody else
