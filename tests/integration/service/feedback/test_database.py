"""The migrations make the tables that the code expects, once, whoever comes first."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from service.feedback.database import connect
from service.feedback.store import CorrectionStore
from service.feedback.tables import METADATA
from service.settings import Settings


def test_the_migrations_make_the_tables_of_the_code(url: str, store: CorrectionStore) -> None:
    store.ready()
    engine = connect(url, timeout=5, threads=1)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_replicas_that_start_together_migrate_once(settings: Settings) -> None:
    stores = [CorrectionStore.of(settings) for _ in range(4)]
    with ThreadPoolExecutor(len(stores)) as threads:
        for done in [threads.submit(store.ready) for store in stores]:
            done.result(timeout=60)
    assert [list(store.all()) for store in stores] == [[]] * 4
    for store in stores:
        store.close()


def test_a_file_of_corrections_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "corrections.db"
    store = CorrectionStore.of(Settings(feedback_url=f"sqlite:///{path}"))
    store.ready()
    store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
