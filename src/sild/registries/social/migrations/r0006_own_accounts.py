"""An account is of the parent who gave it, and a choice of those who named it: until now one parent's held for both."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ACCEPTED, ORDERS, ATTEMPTS = "social_acceptances", "social_payment_orders", "social_payment_attempts"
SAID = {"social_words": ("choice", "version"), "social_accounts": ("account",)}
NOT_SENT_FOR_ANOTHER = """
    UPDATE social_payment_orders SET state = 'returned', reason = 'no_account', account = NULL, reference = NULL
    WHERE state IN ('ordered', 'returned') AND (reason IS NULL OR reason <> 'too_late')
    AND NOT EXISTS (SELECT 1 FROM social_acceptances a
                    WHERE a.offer = social_payment_orders.offer AND a.person = social_payment_orders.person)
    AND (state = 'returned' OR NOT EXISTS
         (SELECT 1 FROM social_payment_attempts t
          WHERE t.reference = social_payment_orders.reference AND t.body IS NOT NULL))
"""
"""What was ordered for the other parent, and is not at the treasury yet, waits for that parent's account, and is sent when it is given."""


def upgrade() -> None:
    accepted = sa.table(
        ACCEPTED,
        *(sa.column(one) for one in ("offer", "person", "choice", "version", "account", "at", "message_id")),
    )
    for name, own in SAID.items():
        table = op.create_table(
            name,
            sa.Column("offer", sa.String(40), sa.ForeignKey("social_offers.id"), primary_key=True),
            sa.Column("person", sa.String(100), primary_key=True),
            *(
                sa.Column(one, sa.Integer if one == "version" else sa.String(50), nullable=False)
                for one in own
            ),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("message_id", sa.String(255), nullable=False),
        )
        kept = ("offer", "person", *own, "at", "message_id")
        op.execute(sa.insert(table).from_select(kept, sa.select(*(accepted.c[one] for one in kept))))
    _may_have_no_account()
    op.execute(NOT_SENT_FOR_ANOTHER)
    with op.batch_alter_table(ACCEPTED) as changed:
        changed.drop_column("account")


def _may_have_no_account() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(ORDERS, "account", nullable=True)
        return
    # SQLite makes the table anew, and cannot while another one refers to it
    op.execute("CREATE TABLE kept_attempts AS SELECT * FROM social_payment_attempts")
    op.drop_table(ATTEMPTS)
    with op.batch_alter_table(ORDERS) as orders:
        orders.alter_column("account", existing_type=sa.String(50), nullable=True)
    op.create_table(
        ATTEMPTS,
        sa.Column("reference", sa.String(36), primary_key=True),
        sa.Column("order", sa.Integer, sa.ForeignKey(f"{ORDERS}.id"), nullable=False, index=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("body", sa.JSON),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute(
        'INSERT INTO social_payment_attempts (reference, "order", number, body, made_at)'
        ' SELECT reference, "order", number, body, made_at FROM kept_attempts'
    )
    op.execute("DROP TABLE kept_attempts")
