"""The identity provider's schema. The Alembic revisions in `migrations` create it; a test compares the two.

Secrets that browsers and clients hold (cookies, codes, refresh tokens, client secrets) are here as SHA-256 alone. Times are
milliseconds since 1970, UTC. `audit_row` is added to, never changed; it refers by value.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Dialect,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

__all__ = [
    "Instant",
    "attempt",
    "audit_row",
    "authorization_code",
    "client",
    "device",
    "login",
    "logout_notice",
    "mandate",
    "metadata",
    "official_role",
    "passkey",
    "person",
    "refresh_token",
    "session",
    "signing_key",
    "token_grant",
    "token_grant_mandate",
    "used_assertion",
]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SUBJECT = 256
HASH = 64


class Instant(TypeDecorator[datetime]):
    """An aware datetime as whole milliseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // timedelta(milliseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(milliseconds=value)


metadata = MetaData()

person = Table(
    "person",
    metadata,
    Column("subject", String(SUBJECT), primary_key=True),
    Column("given_name", String(255), nullable=False),
    Column("family_name", String(255), nullable=False),
    Column("date_of_birth", Date),
    Column("user_handle", LargeBinary(32), nullable=False, unique=True),
    Column("is_test", Boolean, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

passkey = Table(
    "passkey",
    metadata,
    Column("credential_id", String(1400), primary_key=True, comment="base64url"),
    Column("subject", ForeignKey("person.subject"), nullable=False, index=True),
    Column("public_key", LargeBinary, nullable=False, comment="COSE"),
    Column("sign_count", BigInteger, nullable=False),
    Column("level", Integer, nullable=False),
    Column("label", String(100), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("removed_at", Instant),
)

official_role = Table(
    "official_role",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subject", String(SUBJECT), nullable=False, index=True),
    Column("role", String(100), nullable=False),
    Column("organisation", String(100), nullable=False),
    Column("granted_at", Instant, nullable=False),
    Column("valid_through", Date),
    Column("withdrawn_at", Instant),
)

device = Table(
    "device",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organisation", String(100), nullable=False),
    Column("label", String(100), nullable=False),
    Column("key_kind", String(20), nullable=False, comment="passkey or certificate"),
    Column(
        "key_id",
        String(1400),
        nullable=False,
        index=True,
        comment="credential id, or SHA-256 of the certificate",
    ),
    Column("registered_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("withdrawn_at", Instant),
)

client = Table(
    "client",
    metadata,
    Column("client_id", String(200), primary_key=True),
    Column("document", Text, nullable=False, comment="JSON"),
    Column("secret_hash", String(HASH)),
    Column("updated_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("key_id", String(100), primary_key=True),
    Column("algorithm", String(10), nullable=False),
    Column("state", String(10), nullable=False, comment="NEXT, ACTIVE, RETIRED"),
    Column("pem", LargeBinary, nullable=False, comment="PKCS#8, encrypted"),
    Column("changed_at", Instant, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("id", String(36), primary_key=True, comment="sid"),
    Column("cookie_hash", String(HASH), nullable=False, unique=True),
    Column("subject", ForeignKey("person.subject"), nullable=False, index=True),
    Column("level", Integer, nullable=False),
    Column("amr", String(100), nullable=False),
    Column("auth_time", Instant, nullable=False),
    Column("device_posture", String(20)),
    Column("device_id", String(36)),
    Column("last_used_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

login = Table(
    "login",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("browser_hash", String(HASH), nullable=False),
    Column(
        "request", Text, nullable=False, comment="JSON of the authorization request; empty: the account page"
    ),
    Column("challenge", String(100), comment="nonce of the ceremony under way; used up by the next attempt"),
    Column("failures", Integer, nullable=False),
    Column("session_id", String(36), comment="of the log-in that answered it"),
    Column("signing", String(36), comment="what it signs instead of logging in"),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("finished_at", Instant),
)

token_grant = Table(
    "token_grant",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("session_id", ForeignKey("session.id"), nullable=False, index=True),
    Column("client_id", String(200), nullable=False),
    Column("scopes", String(500), nullable=False),
    Column("representee", String(SUBJECT)),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_why", String(50)),
)

token_grant_mandate = Table(
    "token_grant_mandate",
    metadata,
    Column("grant_id", ForeignKey("token_grant.id"), primary_key=True),
    Column("mandate_id", String(100), primary_key=True, index=True),
)

authorization_code = Table(
    "authorization_code",
    metadata,
    Column("code_hash", String(HASH), primary_key=True),
    Column("grant_id", ForeignKey("token_grant.id"), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("code_challenge", String(64), nullable=False),
    Column("nonce", Text),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("token_hash", String(HASH), primary_key=True),
    Column("grant_id", ForeignKey("token_grant.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),
)

used_assertion = Table(
    "used_assertion",
    metadata,
    Column("assertion_hash", String(HASH), primary_key=True),
    Column("expires_at", Instant, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("key_hash", String(HASH), primary_key=True),
    Column("window_start", Instant, nullable=False),
    Column("failures", Integer, nullable=False),
)

mandate = Table(
    "mandate",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("representee", String(SUBJECT), nullable=False, index=True),
    Column("representee_party", Text, nullable=False, comment="JSON"),
    Column("delegate", String(SUBJECT), nullable=False, index=True),
    Column("delegate_party", Text, nullable=False, comment="JSON"),
    Column("role", String(100), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_through", Date),
    Column("depth", Integer, nullable=False),
    Column("parent", ForeignKey("mandate.id"), index=True),
    Column("scope", Text, comment="JSON; of an appointment"),
    Column("added_at", Instant, nullable=False),
    Column("added_by", String(SUBJECT), nullable=False),
    Column("withdrawn_at", Instant),
)

logout_notice = Table(
    "logout_notice",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", String(200), nullable=False),
    Column("uri", Text, nullable=False),
    Column("subject", String(SUBJECT), nullable=False),
    Column("sid", String(36), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, index=True, comment="none: delivered or given up"),
    Column("delivered_at", Instant),
)

audit_row = Table(
    "audit_row",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(SUBJECT), nullable=False),
    Column("action", String(50), nullable=False),
    Column("subject", String(SUBJECT)),
    Column("client_id", String(200)),
    Column("detail", Text, nullable=False, comment="JSON"),
)
