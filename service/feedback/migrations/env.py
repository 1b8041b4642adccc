"""What Alembic runs for every migration: on the connection that ``database.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from service.feedback.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
