"""A real PostgreSQL of our own: started on a free port in a temporary folder, and thrown away."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

DEBIAN = Path("/usr/lib/postgresql")
READY = "database system is ready to accept connections"


def find_programs() -> Path | None:
    """Return the folder of initdb and postgres, which Debian keeps off the PATH, or None."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max((path.parent for path in DEBIAN.glob("*/bin/initdb")), default=None)


def unprivileged() -> dict[str, Any]:
    """Return how to start a program as nobody important: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    account = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def running_postgres(programs: Path) -> Iterator[str]:
    """Run a server and give the address of its database `postgres`."""
    identity = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="rotulo-postgres-"))
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        subprocess.run(
            [programs / "initdb", "--pgdata", folder / "data", "--username", "rotulo",
             "--auth", "trust", "--encoding", "UTF8", "--no-sync"],
            cwd=folder, check=True, capture_output=True, **identity,
        )  # fmt: skip
        server = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder,
             "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "log_min_messages=log"],
            cwd=folder, stderr=subprocess.PIPE, text=True, **identity,
        )  # fmt: skip
        try:
            assert server.stderr is not None
            for line in server.stderr:
                if READY in line:
                    break
            else:
                raise RuntimeError("PostgreSQL ended before it was ready")
            yield f"postgresql://rotulo@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown
            server.communicate(timeout=30)
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def new_database(server: str) -> Iterator[str]:
    """Give the address of an empty database of the server."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield server.rpartition("/")[0] + f"/{name}"
