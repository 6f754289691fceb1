"""The gateway's tables. Calls, attempts, outcomes and alarms are the ledger: rows are added and never changed, and the database refuses to.

Nothing of what was said stands in any of them: names of slots and classes, hashes, counts.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Date, Index, Integer, MetaData, String, Table

from sild.database import UtcDateTime

__all__ = ["alarms", "attempts", "calls", "canaries", "keys", "outcomes", "switches"]

metadata = MetaData()

keys = Table(
    "ai_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),  # hex, of the key
    Column("purpose", String(200), nullable=False),
    Column("algorithm", String(200), nullable=False),  # of the algorithm register
    Column("templates", JSON, nullable=False),  # ids
    Column("tokens_per_day", Integer, nullable=False),
    Column("calls_per_minute", Integer, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("made_by", String(200), nullable=False),
    Column("expires", Date),  # its last day
    Column("revoked_at", UtcDateTime),
)

calls = Table(
    "ai_calls",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("day", Date, nullable=False),  # UTC
    Column("key", String(36), nullable=False),
    Column("purpose", String(200), nullable=False),
    Column("algorithm", String(200), nullable=False),
    Column("template", String(100), nullable=False),
    Column("template_version", String(50), nullable=False),
    Column("template_sha256", String(64), nullable=False),
    Column("classes", JSON, nullable=False),
    Column("hits", JSON, nullable=False),  # kinds the second lock found
    Column("redactions", Integer, nullable=False),
    Column("verdict", String(10), nullable=False),  # abroad, local, refused
    Column("reason", String(50)),  # code of a refusal, or why it stayed local
    Column("reserved_tokens", Integer, nullable=False),
)
Index("ai_calls_key_day", calls.c.key, calls.c.day)
Index("ai_calls_day", calls.c.day)

attempts = Table(
    "ai_attempts",
    metadata,
    Column("call", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1
    Column("at", UtcDateTime, nullable=False),
    Column("provider", String(100), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("place", String(10), nullable=False),  # abroad, local
    Column("region", String(50), nullable=False),
    Column("contract", String(200)),
    Column("model", String(200), nullable=False),
    Column("parameters", JSON, nullable=False),
)

outcomes = Table(
    "ai_outcomes",
    metadata,
    Column("call", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),  # of the attempt; 0: of the call, when it is over
    Column("at", UtcDateTime, nullable=False),
    Column("status", String(20), nullable=False),  # ok, or why not
    Column("reported_version", String(200)),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("output_sha256", String(64)),
    Column("links_removed", Integer, nullable=False),
)

switches = Table(
    "ai_switches",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("provider", String(100), nullable=False),  # `*`: every one abroad
    Column("off", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", String(200), nullable=False),
    Column("reason", String(500), nullable=False),
)
Index("ai_switches_provider", switches.c.provider, switches.c.number)

canaries = Table(
    "ai_canaries",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("batch", String(36), nullable=False),
    Column("data_class", String(20), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("person", String(20), nullable=False),  # who never lived
    Column("value", String(100), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("given_up_at", UtcDateTime),  # a newer set is planted; it is listened for still
)

alarms = Table(
    "ai_alarms",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("day", Date, nullable=False),  # UTC
    Column("call", String(36), nullable=False),
    Column("stage", String(10), nullable=False),  # request, answer
    Column("data_class", String(20), nullable=False),  # of the canary; `other`: of the operator's file
    Column("algorithm", String(200), nullable=False),
    Column("purpose", String(200), nullable=False),
    Column("template", String(100), nullable=False),
    Column("provider", String(100)),  # whose answer it was
    Column("switched_off", String(100)),  # what was switched off at once; `*`: every one abroad
)
Index("ai_alarms_day", alarms.c.day)
