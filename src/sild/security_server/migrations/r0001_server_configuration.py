"""Clients, services, endpoints, access rights, local groups, certificates of information systems, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "server",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("server_code", sa.Text, nullable=False),
        sa.Column("minimum_client_version", sa.Text),
        sa.Column("change", sa.Integer, nullable=False),
    )
    op.create_table(
        "client",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("identifier", sa.Text, nullable=False, unique=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("connection_type", sa.Text, nullable=False),
    )
    op.create_table(
        "service_description",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id", ondelete="CASCADE"), nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("disabled_notice", sa.Text),
        sa.Column("refreshed_at", sa.Text, nullable=False),
    )
    op.create_table(
        "service",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "description_id",
            sa.Integer,
            sa.ForeignKey("service_description.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("service_code", sa.Text, nullable=False),
        sa.Column("service_version", sa.Text),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("timeout_seconds", sa.Integer, nullable=False),
        sa.Column("verify_tls", sa.Boolean, nullable=False),
    )
    op.create_table(
        "endpoint",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id", ondelete="CASCADE"), nullable=False),
        sa.Column("service_code", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("generated", sa.Boolean, nullable=False),
        sa.UniqueConstraint("client_id", "service_code", "method", "path"),
    )
    op.create_table(
        "access_right",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "endpoint_id", sa.Integer, sa.ForeignKey("endpoint.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("subject_type", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("granted_at", sa.Text, nullable=False),
        sa.UniqueConstraint("endpoint_id", "subject_type", "subject"),
    )
    op.create_table(
        "local_group",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id", ondelete="CASCADE"), nullable=False),
        sa.Column("group_code", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.UniqueConstraint("client_id", "group_code"),
    )
    op.create_table(
        "local_group_member",
        sa.Column(
            "group_id", sa.Integer, sa.ForeignKey("local_group.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("identifier", sa.Text, primary_key=True),
        sa.Column("added_at", sa.Text, nullable=False),
    )
    op.create_table(
        "information_system_certificate",
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "timestamping_service",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("values", sa.Text, nullable=False),
    )
