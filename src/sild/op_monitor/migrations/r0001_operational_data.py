"""Operational data, and its sums by service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_BIG = ("request_out_ts", "response_in_ts", "request_size", "response_size")
_MIME = ("request_mime_size", "response_mime_size")
_COUNTS = ("request_attachment_count", "response_attachment_count", "status_code")
_CLIENT = ("client_xroad_instance", "client_member_class", "client_member_code", "client_subsystem_code")
_SERVICE = ("service_xroad_instance", "service_member_class", "service_member_code", "service_subsystem_code")
_TEXTS = (
    *("service_code", "service_version", "rest_method", "rest_path"),
    *("represented_party_class", "represented_party_code"),
    *("message_id", "message_user_id", "message_issue", "message_protocol_version"),
    *("client_security_server_address", "service_security_server_address"),
    *("fault_code", "fault_string", "service_type", "xroad_version", "x_request_id"),
)


def upgrade() -> None:
    op.create_table(
        "operational_data",
        sa.Column("id", _Id, primary_key=True, autoincrement=True),
        sa.Column("monitoring_data_ts", sa.BigInteger, nullable=False),
        sa.Column("security_server_internal_ip", sa.Text, nullable=False),
        sa.Column("security_server_type", sa.Text, nullable=False),
        sa.Column("request_in_ts", sa.BigInteger, nullable=False),
        sa.Column("response_out_ts", sa.BigInteger, nullable=False),
        sa.Column("succeeded", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.BigInteger) for name in (*_BIG, *_MIME)),
        *(sa.Column(name, sa.Integer) for name in _COUNTS),
        *(sa.Column(name, sa.Text) for name in (*_CLIENT, *_SERVICE, *_TEXTS)),
    )
    op.create_index("idx_monitoring_data_ts", "operational_data", ["monitoring_data_ts"])
    kinds = (("count", sa.Integer), ("min", sa.BigInteger), ("max", sa.BigInteger))
    floats = (("mean", sa.Double), ("m2", sa.Double))
    op.create_table(
        "service_period",
        sa.Column("id", _Id, primary_key=True, autoincrement=True),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("successful", sa.Integer, nullable=False),
        sa.Column("unsuccessful", sa.Integer, nullable=False),
        *(
            sa.Column(f"{measure}_{name}", kind)
            for measure in ("duration", "request_size", "response_size")
            for name, kind in (*kinds, *floats)
        ),
    )
    op.create_index("service_period_ts", "service_period", ["ts"])
    op.create_table(
        "service_last",
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("service_type", sa.Text),
        sa.Column("last_successful_ts", sa.BigInteger),
        sa.Column("last_unsuccessful_ts", sa.BigInteger),
    )
