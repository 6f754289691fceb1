"""The schema a central server starts with. Audit rows can be added, never changed or removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "audit_rows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "certification_services",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("tls_auth", sa.Boolean(), nullable=False),
        sa.Column("certificate_profile_info", sa.String(length=255), nullable=False),
        sa.Column("default_csr_format", sa.String(length=3), nullable=True),
        sa.Column("acme_server_directory_url", sa.String(length=1000), nullable=True),
        sa.Column("acme_server_ip_address", sa.String(length=1000), nullable=True),
        sa.Column("authentication_certificate_profile_id", sa.String(length=255), nullable=True),
        sa.Column("signing_certificate_profile_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "configuration_anchors",
        sa.Column("source_type", sa.String(length=8), nullable=False),
        sa.Column("anchor_file", sa.LargeBinary(), nullable=False),
        sa.Column("anchor_hash", sa.String(length=83), nullable=False),
        sa.Column("generated_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("source_type"),
    )
    op.create_table(
        "configuration_parts",
        sa.Column("content_identifier", sa.String(length=255), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("content_identifier"),
        sa.UniqueConstraint("file_name"),
    )
    op.create_table(
        "global_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_code", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("group_code"),
    )
    op.create_table(
        "instance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_identifier", sa.String(length=255), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("management_service_certificate", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("id = 1", name="instance_one_row"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "member_classes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_identifier", sa.String(length=64), nullable=False),
        sa.Column("source_type", sa.String(length=8), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=True),
        sa.Column("key_algorithm", sa.String(length=3), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("generated_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_identifier"),
    )
    op.create_index(
        "signing_keys_one_active",
        "signing_keys",
        ["source_type"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "system_parameters",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("value", sa.String(length=1000), nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "timestamping_services",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("url", sa.String(length=1000), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("cost_type", sa.String(length=9), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "trusted_anchors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_identifier", sa.String(length=255), nullable=False),
        sa.Column("anchor_file", sa.LargeBinary(), nullable=False),
        sa.Column("anchor_hash", sa.String(length=83), nullable=False),
        sa.Column("generated_at", _UTC, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("instance_identifier"),
    )
    op.create_table(
        "certificate_authorities",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("certification_service_id", sa.Integer(), nullable=False),
        sa.Column("is_top", sa.Boolean(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certification_service_id"], ["certification_services.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_certificate_authorities_certification_service_id"),
        "certificate_authorities",
        ["certification_service_id"],
        unique=False,
    )
    op.create_table(
        "members",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_class_id", sa.Integer(), nullable=False),
        sa.Column("member_code", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["member_class_id"],
            ["member_classes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("member_class_id", "member_code", name="members_identifier"),
    )
    op.create_table(
        "ocsp_responders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("certificate_authority_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(length=1000), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.Column("cost_type", sa.String(length=9), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_authority_id"], ["certificate_authorities.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_ocsp_responders_certificate_authority_id"),
        "ocsp_responders",
        ["certificate_authority_id"],
        unique=False,
    )
    op.create_table(
        "security_servers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("server_code", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("in_maintenance_mode", sa.Boolean(), nullable=False),
        sa.Column("maintenance_mode_message", sa.String(length=255), nullable=True),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["members.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner_id", "server_code", name="security_servers_identifier"),
    )
    op.create_table(
        "subsystems",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("subsystem_code", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("member_id", "subsystem_code", name="subsystems_identifier"),
    )
    op.create_table(
        "auth_certificates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("security_server_id", sa.Integer(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("sha1", sa.LargeBinary(length=20), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(["security_server_id"], ["security_servers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_index(
        op.f("ix_auth_certificates_security_server_id"),
        "auth_certificates",
        ["security_server_id"],
        unique=False,
    )
    op.create_table(
        "global_group_members",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("global_group_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("subsystem_id", sa.Integer(), nullable=True),
        sa.Column("created_at", _UTC, nullable=False),
        sa.CheckConstraint(
            "(member_id IS NULL) <> (subsystem_id IS NULL)", name="global_group_members_one_client"
        ),
        sa.ForeignKeyConstraint(["global_group_id"], ["global_groups.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["subsystem_id"], ["subsystems.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("global_group_id", "member_id", name="global_group_members_member"),
        sa.UniqueConstraint("global_group_id", "subsystem_id", name="global_group_members_subsystem"),
    )
    op.create_index(
        op.f("ix_global_group_members_member_id"), "global_group_members", ["member_id"], unique=False
    )
    op.create_index(
        op.f("ix_global_group_members_subsystem_id"), "global_group_members", ["subsystem_id"], unique=False
    )
    op.create_table(
        "server_clients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("security_server_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("subsystem_id", sa.Integer(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.CheckConstraint("(member_id IS NULL) <> (subsystem_id IS NULL)", name="server_clients_one_client"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["security_server_id"], ["security_servers.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["subsystem_id"], ["subsystems.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("security_server_id", "member_id", name="server_clients_member"),
        sa.UniqueConstraint("security_server_id", "subsystem_id", name="server_clients_subsystem"),
    )
    op.create_index(op.f("ix_server_clients_member_id"), "server_clients", ["member_id"], unique=False)
    op.create_index(op.f("ix_server_clients_subsystem_id"), "server_clients", ["subsystem_id"], unique=False)
    _forbid_changes("audit_rows")


def _forbid_changes(table: str) -> None:
    """Let the database itself refuse to update or delete rows of `table`."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} are append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
