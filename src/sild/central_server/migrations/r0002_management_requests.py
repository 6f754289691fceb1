"""Management requests, and what becomes of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "request_processings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=22), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_request_processings_status"), "request_processings", ["status"], unique=False)
    op.create_table(
        "management_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("processing_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("origin", sa.String(length=15), nullable=False),
        sa.Column("owner_class", sa.String(length=255), nullable=False),
        sa.Column("owner_code", sa.String(length=255), nullable=False),
        sa.Column("server_code", sa.String(length=255), nullable=False),
        sa.Column("client_class", sa.String(length=255), nullable=True),
        sa.Column("client_code", sa.String(length=255), nullable=True),
        sa.Column("client_subsystem", sa.String(length=255), nullable=True),
        sa.Column("address", sa.String(length=255), nullable=True),
        sa.Column("auth_certificate", sa.LargeBinary(), nullable=True),
        sa.Column("auth_certificate_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("subsystem_name", sa.String(length=255), nullable=True),
        sa.Column("message", sa.String(length=255), nullable=True),
        sa.Column("comments", sa.Text(), nullable=True),
        sa.Column("message_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["processing_id"], ["request_processings.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_digest"),
    )
    op.create_index(
        "management_requests_server",
        "management_requests",
        ["owner_class", "owner_code", "server_code"],
        unique=False,
    )
    for column in ("processing_id", "auth_certificate_sha256"):
        op.create_index(
            op.f(f"ix_management_requests_{column}"), "management_requests", [column], unique=False
        )


def downgrade() -> None:
    op.drop_table("management_requests")
    op.drop_table("request_processings")
