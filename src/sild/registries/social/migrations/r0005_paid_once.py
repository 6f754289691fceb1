"""Orders know whether theirs is paid once and never again: their payment is not found by its month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ORDERS = "social_payment_orders"
PAID_ONCE = ("birth_grant", "paternity_leave")  # every such benefit of the rules until now


def upgrade() -> None:
    op.add_column(ORDERS, sa.Column("once", sa.Boolean, nullable=False, server_default=sa.false()))
    orders = sa.table(ORDERS, sa.column("benefit", sa.String), sa.column("once", sa.Boolean))
    op.execute(orders.update().where(orders.c.benefit.in_(PAID_ONCE)).values(once=True))
