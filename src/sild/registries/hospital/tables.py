"""Notices: what the ward wrote down, who signs it, and what became of it at the population register; and who is logged in there.

Cookies and one-use values stand here as SHA-256 alone; tokens and kept forms are sealed with a key only the browser's cookie makes.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

from sild.database import UtcDateTime

__all__ = ["logins", "notices", "sessions", "signings"]

metadata = MetaData()

notices = Table(
    "hospital_notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String(100), nullable=False, unique=True),  # of the form: sent twice it is one notice
    Column("number", String(20), unique=True),  # 2026-000123
    Column("kind", String(10), nullable=False),  # birth, stillbirth, death
    Column("person", String(100), nullable=False),  # the mother; of a death, who died
    Column("content", JSON, nullable=False),
    Column("author", String(100), nullable=False),  # who signed in the ward
    Column("state", String(10), nullable=False),  # unsigned, withdrawn, waiting, arrived, review, refused
    Column("answer", JSON, nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    Column("arrived_at", UtcDateTime),
    Column("signed_at", UtcDateTime),
    Column("signatures", Integer, nullable=False, default=0),  # how often it was signed
    Index("hospital_notices_of_author", "author", "state"),
)

signings = Table(
    "hospital_signings",
    metadata,
    Column("state_hash", String(64), primary_key=True),
    Column("notice", ForeignKey("hospital_notices.id"), nullable=False, index=True),
    Column("author", String(100), nullable=False),
    Column("language", String(2), nullable=False),
    Column("kept", JSON, nullable=False, comment="what makes the same signature whole later"),
    Column("code_verifier", String(128), nullable=False),
    Column("token", Text, comment="of the signing service, once the person said yes"),
    Column("asked_at", UtcDateTime, nullable=False),
)

logins = Table(
    "hospital_logins",
    metadata,
    Column("state_hash", String(64), primary_key=True),
    Column("browser_hash", String(64), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("code_verifier", String(128), nullable=False),
    Column("language", String(2), nullable=False),
    Column("kept_of", String(256), comment="who wrote the form that waits for this log-in"),
    Column("kept", LargeBinary, comment="that form, sealed with the browser's cookie"),
    Column("expires_at", UtcDateTime, nullable=False),
)

sessions = Table(
    "hospital_sessions",
    metadata,
    Column("cookie_hash", String(64), primary_key=True),
    Column("subject", String(256), nullable=False),
    Column("sid", String(256), nullable=False, index=True),
    Column("claims", JSON, nullable=False, comment="of the identity token"),
    Column("tokens", LargeBinary, nullable=False, comment="sealed with the cookie"),
    Column("kept", LargeBinary, comment="a form that was not sent, sealed with the cookie"),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("checked_at", UtcDateTime, nullable=False, comment="the identity provider's last word"),
    Column("ended_at", UtcDateTime),
)
