"""The central server's schema. The Alembic revisions in `migrations` create it; a test compares the two.

One row of `instance` carries `revision`: every change begins by raising it. That one statement serialises writers on
SQLite and PostgreSQL alike, and tells the generator whether anything changed since it last looked.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from sild.database import UtcDateTime

__all__ = [
    "audit_rows",
    "auth_certificates",
    "certificate_authorities",
    "certification_services",
    "configuration_anchors",
    "configuration_parts",
    "global_group_members",
    "global_groups",
    "instance",
    "management_requests",
    "member_classes",
    "members",
    "metadata",
    "ocsp_responders",
    "request_processings",
    "security_servers",
    "server_clients",
    "signing_keys",
    "subsystems",
    "system_parameters",
    "timestamping_services",
    "trusted_anchors",
]

metadata = MetaData()

instance = Table(
    "instance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("instance_identifier", String(255), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("management_service_certificate", LargeBinary),
    CheckConstraint("id = 1", name="instance_one_row"),
)

system_parameters = Table(
    "system_parameters",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("value", String(1000), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

member_classes = Table(
    "member_classes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", String(255), nullable=False, unique=True),
    Column("description", String(255), nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("member_class_id", ForeignKey("member_classes.id"), nullable=False),
    Column("member_code", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("member_class_id", "member_code", name="members_identifier"),
)

subsystems = Table(
    "subsystems",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("member_id", ForeignKey("members.id", ondelete="CASCADE"), nullable=False),
    Column("subsystem_code", String(255), nullable=False),
    Column("name", String(255)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("member_id", "subsystem_code", name="subsystems_identifier"),
)

security_servers = Table(
    "security_servers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner_id", ForeignKey("members.id", ondelete="CASCADE"), nullable=False),
    Column("server_code", String(255), nullable=False),
    Column("address", String(255), nullable=False),
    Column("in_maintenance_mode", Boolean, nullable=False),
    Column("maintenance_mode_message", String(255)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("owner_id", "server_code", name="security_servers_identifier"),
)

auth_certificates = Table(
    "auth_certificates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "security_server_id",
        ForeignKey("security_servers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("certificate", LargeBinary, nullable=False),
    Column("sha1", LargeBinary(20), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

server_clients = Table(
    "server_clients",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("security_server_id", ForeignKey("security_servers.id", ondelete="CASCADE"), nullable=False),
    Column("member_id", ForeignKey("members.id", ondelete="CASCADE"), index=True),
    Column("subsystem_id", ForeignKey("subsystems.id", ondelete="CASCADE"), index=True),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("(member_id IS NULL) <> (subsystem_id IS NULL)", name="server_clients_one_client"),
    UniqueConstraint("security_server_id", "member_id", name="server_clients_member"),
    UniqueConstraint("security_server_id", "subsystem_id", name="server_clients_subsystem"),
)

global_groups = Table(
    "global_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group_code", String(255), nullable=False, unique=True),
    Column("description", String(255), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

global_group_members = Table(
    "global_group_members",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("global_group_id", ForeignKey("global_groups.id", ondelete="CASCADE"), nullable=False),
    Column("member_id", ForeignKey("members.id", ondelete="CASCADE"), index=True),
    Column("subsystem_id", ForeignKey("subsystems.id", ondelete="CASCADE"), index=True),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("(member_id IS NULL) <> (subsystem_id IS NULL)", name="global_group_members_one_client"),
    UniqueConstraint("global_group_id", "member_id", name="global_group_members_member"),
    UniqueConstraint("global_group_id", "subsystem_id", name="global_group_members_subsystem"),
)

certification_services = Table(
    "certification_services",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("tls_auth", Boolean, nullable=False),
    Column("certificate_profile_info", String(255), nullable=False),
    Column("default_csr_format", String(3)),
    Column("acme_server_directory_url", String(1000)),
    Column("acme_server_ip_address", String(1000)),
    Column("authentication_certificate_profile_id", String(255)),
    Column("signing_certificate_profile_id", String(255)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

certificate_authorities = Table(
    "certificate_authorities",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "certification_service_id",
        ForeignKey("certification_services.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("is_top", Boolean, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
)

ocsp_responders = Table(
    "ocsp_responders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "certificate_authority_id",
        ForeignKey("certificate_authorities.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("url", String(1000), nullable=False),
    Column("certificate", LargeBinary),
    Column("cost_type", String(9), nullable=False),
)

timestamping_services = Table(
    "timestamping_services",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("url", String(1000), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("cost_type", String(9), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key_identifier", String(64), nullable=False, unique=True),
    Column("source_type", String(8), nullable=False),
    Column("label", String(255)),
    Column("key_algorithm", String(3), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("generated_at", UtcDateTime, nullable=False),
)
Index(
    "signing_keys_one_active",
    signing_keys.c.source_type,
    unique=True,
    sqlite_where=text("active"),
    postgresql_where=text("active"),
)

configuration_anchors = Table(
    "configuration_anchors",
    metadata,
    Column("source_type", String(8), primary_key=True),
    Column("anchor_file", LargeBinary, nullable=False),
    Column("anchor_hash", String(83), nullable=False),
    Column("generated_at", UtcDateTime, nullable=False),
)

trusted_anchors = Table(
    "trusted_anchors",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("instance_identifier", String(255), nullable=False, unique=True),
    Column("anchor_file", LargeBinary, nullable=False),
    Column("anchor_hash", String(83), nullable=False),
    Column("generated_at", UtcDateTime),
)

configuration_parts = Table(
    "configuration_parts",
    metadata,
    Column("content_identifier", String(255), primary_key=True),
    Column("file_name", String(255), nullable=False, unique=True),
    Column("data", LargeBinary, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

request_processings = Table(
    "request_processings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("status", String(22), nullable=False, index=True),
)
"""What becomes of a management request, or of two that complement one another."""

management_requests = Table(
    "management_requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("processing_id", ForeignKey("request_processings.id"), nullable=False, index=True),
    Column("kind", String(40), nullable=False),
    Column("origin", String(15), nullable=False),
    Column("owner_class", String(255), nullable=False),
    Column("owner_code", String(255), nullable=False),
    Column("server_code", String(255), nullable=False),
    Column("client_class", String(255)),
    Column("client_code", String(255)),
    Column("client_subsystem", String(255)),
    Column("address", String(255)),
    Column("auth_certificate", LargeBinary),
    Column("auth_certificate_sha256", LargeBinary(32), index=True),
    Column("subsystem_name", String(255)),
    Column("message", String(255)),
    Column("comments", Text),
    Column("message_digest", LargeBinary(32), unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Index("management_requests_server", "owner_class", "owner_code", "server_code"),
)
"""Parties stand here by their identifiers: a request outlives them, and may come before them."""

audit_rows = Table(
    "audit_rows",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("event", Text, nullable=False),
    Column("detail", JSON, nullable=False),
)
