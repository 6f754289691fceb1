"""Of money that waits for its receiver's account they are told, whoever made it wait: revision 0006 told nobody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ORDERS = "social_payment_orders"


def upgrade() -> None:
    op.add_column(ORDERS, sa.Column("told", sa.Boolean, nullable=False, server_default=sa.true()))
    orders = sa.table(ORDERS, sa.column("told"), sa.column("state"), sa.column("reason"))
    waits = (orders.c.state == "returned") & (orders.c.reason == "no_account")
    op.execute(sa.update(orders).where(waits).values(told=sa.false()))
