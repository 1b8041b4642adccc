"""The table of corrections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "corrections",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("result_id", sa.String(64), nullable=False),
        sa.Column("model_name", sa.String(64), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("offered", sa.String(64), nullable=False),
        sa.Column("label", sa.String(64)),
        sa.Column("comment", sa.Text()),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("image", sa.String(64)),
        sa.Column("image_bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
        sa.UniqueConstraint("result_id", name="uq_corrections_result_id"),
    )
    op.create_index("ix_corrections_received", "corrections", ["received"])


def downgrade() -> None:
    """Drop the table, and every correction in it."""
    op.drop_table("corrections")
