"""ACME: external accounts, accounts, orders, authorizations, nonces that were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "acme_external_account",
        sa.Column("kid", sa.String(40), primary_key=True),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column(
            "mac_key", sa.LargeBinary, nullable=False, comment="sealed under a key of the authority's own"
        ),
        sa.Column("rules", sa.Text, nullable=False, comment="JSON: profiles, subject, names"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("removed_at", sa.BigInteger),
    )
    op.create_table(
        "acme_account",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column(
            "thumbprint", sa.String(64), nullable=False, unique=True, comment="RFC 7638, of the present key"
        ),
        sa.Column("jwk", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("contact", sa.Text, nullable=False, comment="JSON"),
        sa.Column("kid", sa.String(40), sa.ForeignKey("acme_external_account.kid"), unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "acme_order",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("account_id", sa.String(40), sa.ForeignKey("acme_account.id"), nullable=False, index=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("profile", sa.String(64)),
        sa.Column("not_after", sa.BigInteger),
        sa.Column("replaces", sa.String(40), comment="serial number of the certificate it renews"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("processing_since", sa.BigInteger),
        sa.Column("serial_number", sa.String(40), comment="of the certificate issued"),
        sa.Column("problem", sa.Text, comment="JSON"),
    )
    op.create_table(
        "acme_authorization",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("order_id", sa.String(40), sa.ForeignKey("acme_order.id"), nullable=False, index=True),
        sa.Column("account_id", sa.String(40), sa.ForeignKey("acme_account.id"), nullable=False),
        sa.Column("type", sa.String(8), nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("validated_at", sa.BigInteger),
        sa.Column("problem", sa.Text, comment="JSON"),
    )
    op.create_table(
        "acme_used_nonce",
        sa.Column("nonce", sa.String(64), primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False, index=True),
    )


def downgrade() -> None:
    raise NotImplementedError("orders are not to be forgotten")
