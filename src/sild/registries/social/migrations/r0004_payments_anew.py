"""A payment may have several orders: what a newer decision orders anew, and the difference to what was paid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ORDERS, ATTEMPTS = "social_payment_orders", "social_payment_attempts"
ONCE, COLUMNS = "social_payment_orders_once", ["offer", "benefit", "person", "period", "part"]


def upgrade() -> None:
    op.add_column(ORDERS, sa.Column("part", sa.Integer, nullable=False, server_default="0"))
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(ONCE, ORDERS, type_="unique")
        op.create_unique_constraint(ONCE, ORDERS, COLUMNS)
        return
    # SQLite makes the table anew, and cannot while another one refers to it
    op.execute("CREATE TABLE kept_attempts AS SELECT * FROM social_payment_attempts")
    op.drop_table(ATTEMPTS)
    with op.batch_alter_table(ORDERS) as orders:
        orders.drop_constraint(ONCE, type_="unique")
        orders.create_unique_constraint(ONCE, COLUMNS)
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
