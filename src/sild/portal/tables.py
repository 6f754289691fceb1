"""The portal's schema: who is logged in, what awaits them after log-in, dialogues, receipts, push addresses, offers to
wallets, keys.

Cookies and one-use values stand here as SHA-256 alone; tokens, kept forms and dialogues are sealed with a key only the browser's cookie
makes. Cases, drafts and notices are the case system's.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

from sild.database import UtcDateTime

__all__ = [
    "consent",
    "dialogue",
    "kept_form",
    "key",
    "login",
    "metadata",
    "push_address",
    "receipt",
    "session",
    "shown_once",
    "wallet_offer",
    "wallet_spent",
]

metadata = MetaData()

login = Table(
    "portal_login",
    metadata,
    Column("state_hash", String(64), primary_key=True),
    Column("browser_hash", String(64), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("code_verifier", String(128), nullable=False),
    Column("scope", String(100), nullable=False),
    Column("return_to", String(500), nullable=False),
    Column("instead_of", String(64), comment="the session this log-in takes the place of"),
    Column("expires_at", UtcDateTime, nullable=False),
)
session = Table(
    "portal_session",
    metadata,
    Column("cookie_hash", String(64), primary_key=True),
    Column("subject", String(256), nullable=False, index=True),
    Column("sid", String(256), nullable=False, index=True),
    Column("claims", Text, nullable=False, comment="of the identity token, JSON"),
    Column("tokens", LargeBinary, nullable=False, comment="sealed with the cookie"),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("checked_at", UtcDateTime, nullable=False, comment="the identity provider's last word"),
    Column("checking_at", UtcDateTime, comment="somebody is asking it"),
    Column("ended_at", UtcDateTime),
    Column("end_reason", String(50)),
)
kept_form = Table(
    "portal_kept_form",
    metadata,
    Column("browser_hash", String(64), primary_key=True),
    Column("subject", String(256), nullable=False),
    Column("path", String(500), nullable=False),
    Column("fields", LargeBinary, nullable=False, comment="sealed with the browser's cookie"),
    Column("expires_at", UtcDateTime, nullable=False),
)
dialogue = Table(
    "portal_dialogue",
    metadata,
    Column("browser_hash", String(64), primary_key=True),
    Column("subject", String(256), comment="whose it is; none before a log-in"),
    Column("acting_for", String(256)),
    Column("turns", LargeBinary, nullable=False, comment="sealed with the browser's cookie"),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("minute_at", UtcDateTime, nullable=False),
    Column("in_minute", Integer, nullable=False, comment="questions since minute_at"),
)
receipt = Table(
    "portal_receipt",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("subject", String(256), nullable=False),
    Column("acting_for", String(256), nullable=False),
    Column("content", Text, nullable=False, comment="JSON"),
    Column("at", UtcDateTime, nullable=False),
)
push_address = Table(
    "portal_push_address",
    metadata,
    Column("endpoint_hash", String(64), primary_key=True),
    Column("subject", String(256), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("p256dh", String(120), nullable=False),
    Column("auth", String(40), nullable=False),
    Column("language", String(10), nullable=False),
    Column(
        "woken_for",
        UtcDateTime,
        nullable=False,
        comment="the newest notice it was woken for, or its own beginning",
    ),
    Column("at", UtcDateTime, nullable=False),
)
Index("portal_push_address_subject", push_address.c.subject)
consent = Table(
    "portal_consent",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subject", String(256), nullable=False, index=True),
    Column("device", String(64), nullable=False, index=True, comment="hash of the push address"),
    Column("recipient", String(255), nullable=False, comment="host of the push service"),
    Column("given_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("status", String(20), nullable=False, comment="of DPV"),
    Column("receipt", Text, nullable=False, comment="JSON-LD, sealed"),
)
shown_once = Table(
    "portal_shown_once",
    metadata,
    Column("secret_hash", String(64), primary_key=True),
    Column("subject", String(256), nullable=False),
    Column("paper", String(100), nullable=False),
    Column("content", LargeBinary, comment="sealed with the code's secret; none once it was looked at"),
    Column("until", UtcDateTime, nullable=False, index=True),
    Column("opened_at", UtcDateTime),
)
wallet_offer = Table(
    "portal_wallet_offer",
    metadata,
    Column("id", String(64), primary_key=True, comment="in addresses; opens nothing"),
    Column("subject", String(256), nullable=False, index=True),
    Column("acting_for", String(256), nullable=False),
    Column("paper", String(100), nullable=False),
    Column("session_hash", String(64), nullable=False, comment="ends with it"),
    Column("shown", LargeBinary, comment="code and transaction code, sealed with the session's cookie"),
    Column("code_hash", String(64), nullable=False, unique=True),
    Column("content", LargeBinary, comment="sealed with the code, then with the access token; none: over"),
    Column("tries", Integer, nullable=False, comment="transaction codes that were tried"),
    Column("made_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False, index=True),
    Column("token_hash", String(64), unique=True),
    Column("token_key", String(43), comment="thumbprint of the key that the access token is bound to (DPoP)"),
    Column("with_details", Boolean, nullable=False, comment="asked for by authorization_details"),
    Column("used_at", UtcDateTime, comment="the access token is being used, or was"),
    Column("issued_at", UtcDateTime),
    Column("event", String(30), comment="what the wallet told of it"),
)
wallet_spent = Table(
    "portal_wallet_spent",
    metadata,
    Column("once_hash", String(64), primary_key=True, comment="a nonce, or a proof's jti, that was used"),
    Column("until", UtcDateTime, nullable=False, index=True),
)
key = Table(
    "portal_key",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("pem", LargeBinary, nullable=False, comment="PKCS#8, encrypted"),
)
