"""The tables of the message log.

`message_record`, `message_attachment`, `timestamp_record` and `record_timestamp` are append-only: rows are written once
and only cleaning removes them. What still has to be done stands in small tables of its own (`pending_timestamp`,
`pending_archive`), so that no evidence row is ever rewritten: an SQLite update of a 10 KB row costs a 10 KB write.
`key_id` and `cipher_message` are X-Road's columns for encryption at rest. `signature_block` holds what recurs in signatures.
`mention` and the tables beside it are made from the records (`mention_index`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text

__all__ = [
    "archive_digest",
    "archive_file",
    "cluster_state",
    "id_block",
    "mention",
    "mention_block",
    "mention_key",
    "message_attachment",
    "message_record",
    "metadata",
    "pending_archive",
    "pending_timestamp",
    "record_timestamp",
    "signature_block",
    "timestamp_record",
]

metadata = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite: an alias of the rowid, so no index of its own

message_record = Table(
    "message_record",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
    Column("query_hash", BigInteger, nullable=False, comment="64 bits of the query id"),
    Column("query_id", Text, nullable=False),
    Column("x_request_id", Text),
    Column("is_response", Boolean, nullable=False),
    Column("instance_identifier", Text, nullable=False),
    Column("member_class", Text, nullable=False),
    Column("member_code", Text, nullable=False),
    Column("subsystem_code", Text),
    Column("message", LargeBinary),
    Column("signature", LargeBinary, nullable=False, comment="signatures.xml as logged"),
    Column("hash_chain_result", LargeBinary),
    Column("hash_chain", LargeBinary),
    Column("key_id", Text),
    Column("cipher_message", LargeBinary),
    Column("signature_block", BigInteger, comment="what `signature` lacks; absent: nothing"),
    Column("signature_digest", LargeBinary, comment="of the whole, where there is a block"),
)
Index("message_record_query", message_record.c.query_hash)
Index("message_record_time", message_record.c.time)
Index(
    "message_record_party",
    message_record.c.member_code,
    message_record.c.subsystem_code,
    message_record.c.time,
)

signature_block = Table(
    "signature_block",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False, comment="the record it came with"),
    Column("time", BigInteger, nullable=False, comment="of that record"),
    Column("data", LargeBinary, nullable=False),
)

message_attachment = Table(
    "message_attachment",
    metadata,
    Column("record_id", _Id, primary_key=True, autoincrement=False),
    Column(
        "attachment_no", Integer, primary_key=True, autoincrement=False, comment="from 1, as in the container"
    ),
    Column("piece_no", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

pending_timestamp = Table(
    "pending_timestamp",
    metadata,
    Column("record_id", _Id, primary_key=True, autoincrement=False),
    Column("signature_hash", LargeBinary, nullable=False, comment="SHA-512 of signatures.xml"),
)

timestamp_record = Table(
    "timestamp_record",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("token", LargeBinary, nullable=False, comment="DER TimeStampToken"),
    Column("hash_chain_result", LargeBinary, comment="absent: the token covers the one SignatureValue"),
)

record_timestamp = Table(
    "record_timestamp",
    metadata,
    Column("record_id", _Id, primary_key=True, autoincrement=False),
    Column("timestamp_record_id", BigInteger, nullable=False),
    Column("hash_chain", LargeBinary),
)
Index("record_timestamp_timestamp", record_timestamp.c.timestamp_record_id)

pending_archive = Table(
    "pending_archive",
    metadata,
    Column("record_id", _Id, primary_key=True, autoincrement=False),
)

archive_digest = Table(
    "archive_digest",
    metadata,
    Column("group_name", Text, primary_key=True),
    Column("digest", Text, nullable=False, comment="last linking digest, hex"),
    Column("file_name", Text, nullable=False),
)

archive_file = Table(
    "archive_file",
    metadata,
    Column(
        "name",
        Text,
        primary_key=True,
        comment="decided on: it stands in the directory, or will when that is tidied",
    ),
    Column("group_name", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("is_transferred", Boolean, nullable=False),
)

cluster_state = Table(
    "cluster_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("time", BigInteger, nullable=False),
)

id_block = Table(
    "id_block",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_id", BigInteger, nullable=False, comment="first identifier nobody has taken"),
)

mention = Table(
    "mention",
    metadata,
    Column(
        "person", LargeBinary, primary_key=True, comment="digest of a code; empty: what could not be read"
    ),
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False, comment="of the record"),
    Column("query_hash", BigInteger, nullable=False),
    Column("query_sha256", LargeBinary, nullable=False, comment="of the query id"),
    Column("provider", Text, nullable=False, comment="CLASS/CODE/SUBSYSTEM"),
    Column("in_passing", Boolean, nullable=False, comment="its body alone names them"),
    sqlite_with_rowid=False,
)

mention_block = Table(
    "mention_block",
    metadata,
    Column("first_id", _Id, primary_key=True, autoincrement=False, comment="of those a process took at once"),
    Column("last_id", BigInteger, nullable=False, comment="up to which they are read"),
    Column("is_over", Boolean, nullable=False),
)

mention_key = Table(
    "mention_key",
    metadata,
    Column("digest", LargeBinary, primary_key=True, comment="by which a wrong key is noticed"),
    Column(
        "since", BigInteger, nullable=False, comment="from when on no record was missed; 0: none ever was"
    ),
)
