"""The tables of operational monitoring.

`operational_data` has the reference's columns, for those who read its database (COMPAT I12). `service_period`
and `service_last` are sums over each batch written, so that health data is cheap, the same for all processes that share
the database, and there after a restart.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table, Text

__all__ = ["metadata", "operational_data", "service_last", "service_period"]

metadata = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite: an alias of the rowid, so no index of its own

_NEEDED = (
    Column("security_server_internal_ip", Text, nullable=False),
    Column("security_server_type", Text, nullable=False),
    Column("request_in_ts", BigInteger, nullable=False, comment="milliseconds, as are all but the monitor's"),
    Column("response_out_ts", BigInteger, nullable=False),
    Column("succeeded", Boolean, nullable=False),
)
_LONGS = ("request_out_ts", "response_in_ts", "request_size", "response_size")
_MORE_LONGS = ("request_mime_size", "response_mime_size")
_INTEGERS = ("request_attachment_count", "response_attachment_count", "status_code")
_PARTIES = tuple(
    f"{role}_{part}"
    for role in ("client", "service")
    for part in ("xroad_instance", "member_class", "member_code", "subsystem_code")
)
_TEXTS = (
    *("service_code", "service_version", "rest_method", "rest_path"),
    *("represented_party_class", "represented_party_code"),
    *("message_id", "message_user_id", "message_issue", "message_protocol_version"),
    *("client_security_server_address", "service_security_server_address"),
    *("fault_code", "fault_string", "service_type", "xroad_version", "x_request_id"),
)

operational_data = Table(
    "operational_data",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("monitoring_data_ts", BigInteger, nullable=False, comment="seconds: when the monitor wrote it"),
    *_NEEDED,
    *(Column(name, BigInteger) for name in (*_LONGS, *_MORE_LONGS)),
    *(Column(name, Integer) for name in _INTEGERS),
    *(Column(name, Text) for name in (*_PARTIES, *_TEXTS)),
)
Index("idx_monitoring_data_ts", operational_data.c.monitoring_data_ts)

_MEASURES = ("duration", "request_size", "response_size")

service_period = Table(
    "service_period",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("ts", BigInteger, nullable=False, comment="seconds: the batch's monitoring_data_ts"),
    Column("service", Text, nullable=False, comment="JSON list of the identifier's six parts"),
    Column("successful", Integer, nullable=False),
    Column("unsuccessful", Integer, nullable=False),
    *(
        Column(f"{measure}_{name}", kind)
        for measure in _MEASURES
        for name, kind in (
            ("count", Integer),
            ("min", BigInteger),
            ("max", BigInteger),
            ("mean", Double),
            ("m2", Double),  # the sum of squared differences from the mean
        )
    ),
)
Index("service_period_ts", service_period.c.ts)

service_last = Table(
    "service_last",
    metadata,
    Column("service", Text, primary_key=True),
    Column("ts", BigInteger, nullable=False, comment="seconds: when the monitor last wrote of it"),
    Column("service_type", Text),
    Column("last_successful_ts", BigInteger, comment="milliseconds"),
    Column("last_unsuccessful_ts", BigInteger, comment="milliseconds"),
)
