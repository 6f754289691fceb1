"""People, passkeys, devices, clients, sessions, grants, mandates, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("subject", sa.String(256), primary_key=True),
        sa.Column("given_name", sa.String(255), nullable=False),
        sa.Column("family_name", sa.String(255), nullable=False),
        sa.Column("date_of_birth", sa.Date),
        sa.Column("user_handle", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("is_test", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "passkey",
        sa.Column("credential_id", sa.String(1400), primary_key=True, comment="base64url"),
        sa.Column("subject", sa.String(256), sa.ForeignKey("person.subject"), nullable=False, index=True),
        sa.Column("public_key", sa.LargeBinary, nullable=False, comment="COSE"),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("removed_at", sa.BigInteger),
    )
    op.create_table(
        "official_role",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("subject", sa.String(256), nullable=False, index=True),
        sa.Column("role", sa.String(100), nullable=False),
        sa.Column("organisation", sa.String(100), nullable=False),
        sa.Column("granted_at", sa.BigInteger, nullable=False),
        sa.Column("valid_through", sa.Date),
        sa.Column("withdrawn_at", sa.BigInteger),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("organisation", sa.String(100), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("key_kind", sa.String(20), nullable=False, comment="passkey or certificate"),
        sa.Column(
            "key_id",
            sa.String(1400),
            nullable=False,
            index=True,
            comment="credential id, or SHA-256 of the certificate",
        ),
        sa.Column("registered_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("withdrawn_at", sa.BigInteger),
    )
    op.create_table(
        "client",
        sa.Column("client_id", sa.String(200), primary_key=True),
        sa.Column("document", sa.Text, nullable=False, comment="JSON"),
        sa.Column("secret_hash", sa.String(64)),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
    )
    op.create_table(
        "signing_key",
        sa.Column("key_id", sa.String(100), primary_key=True),
        sa.Column("algorithm", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False, comment="NEXT, ACTIVE, RETIRED"),
        sa.Column("pem", sa.LargeBinary, nullable=False, comment="PKCS#8, encrypted"),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String(36), primary_key=True, comment="sid"),
        sa.Column("cookie_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("subject", sa.String(256), sa.ForeignKey("person.subject"), nullable=False, index=True),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("amr", sa.String(100), nullable=False),
        sa.Column("auth_time", sa.BigInteger, nullable=False),
        sa.Column("device_posture", sa.String(20)),
        sa.Column("device_id", sa.String(36)),
        sa.Column("last_used_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_table(
        "login",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("browser_hash", sa.String(64), nullable=False),
        sa.Column(
            "request",
            sa.Text,
            nullable=False,
            comment="JSON of the authorization request; empty: the account page",
        ),
        sa.Column(
            "challenge",
            sa.String(100),
            comment="nonce of the ceremony under way; used up by the next attempt",
        ),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("session_id", sa.String(36), comment="of the log-in that answered it"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
    )
    op.create_table(
        "token_grant",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("session_id", sa.String(36), sa.ForeignKey("session.id"), nullable=False, index=True),
        sa.Column("client_id", sa.String(200), nullable=False),
        sa.Column("scopes", sa.String(500), nullable=False),
        sa.Column("representee", sa.String(256)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("revoked_why", sa.String(50)),
    )
    op.create_table(
        "token_grant_mandate",
        sa.Column("grant_id", sa.String(36), sa.ForeignKey("token_grant.id"), primary_key=True),
        sa.Column("mandate_id", sa.String(100), primary_key=True, index=True),
    )
    op.create_table(
        "authorization_code",
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("grant_id", sa.String(36), sa.ForeignKey("token_grant.id"), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("code_challenge", sa.String(64), nullable=False),
        sa.Column("nonce", sa.Text),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
    )
    op.create_table(
        "refresh_token",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("grant_id", sa.String(36), sa.ForeignKey("token_grant.id"), nullable=False, index=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
    )
    op.create_table(
        "used_assertion",
        sa.Column("assertion_hash", sa.String(64), primary_key=True),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "attempt",
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("window_start", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
    )
    op.create_table(
        "mandate",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("representee", sa.String(256), nullable=False, index=True),
        sa.Column("representee_party", sa.Text, nullable=False, comment="JSON"),
        sa.Column("delegate", sa.String(256), nullable=False, index=True),
        sa.Column("delegate_party", sa.Text, nullable=False, comment="JSON"),
        sa.Column("role", sa.String(100), nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_through", sa.Date),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("parent", sa.String(36), sa.ForeignKey("mandate.id"), index=True),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("added_by", sa.String(256), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger),
    )
    op.create_table(
        "logout_notice",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("client_id", sa.String(200), nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("sid", sa.String(36), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger, index=True, comment="none: delivered or given up"),
        sa.Column("delivered_at", sa.BigInteger),
    )
    op.create_table(
        "audit_row",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("subject", sa.String(256)),
        sa.Column("client_id", sa.String(200)),
        sa.Column("detail", sa.Text, nullable=False, comment="JSON"),
    )
    _append_only("audit_row")


def _append_only(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION identity_{table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION identity_{table}_refuse()"
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first revision")
