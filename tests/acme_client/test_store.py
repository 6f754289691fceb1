"""The schema is what the migrations make, on both databases; two processes never work on one order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from sild.acme_client.store import MIGRATIONS, Order, RenewalRow, Store, metadata
from sild.database import open_database, revision_table
from sild.signer import KeyAlgorithm, KeyUsage
from sild.xroad.identifiers import ClientId
from support.postgres import PostgreSQL, postgresql  # noqa: F401  a fixture

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ORDER = Order("1", "CA", KeyUsage.SIGNING, ClientId("DEV", "COM", "1"), "softToken-0", KeyAlgorithm.EC_P256,
              (("2.5.4.3", "Ü"),), "localhost", True, replaces="aa")  # fmt: skip


def test_tables_and_migrations_agree(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/acme.sqlite", MIGRATIONS)
    with engine.connect() as connection:
        options = {"version_table": revision_table(MIGRATIONS)}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def exercised(store: Store) -> None:
    store.add_order(ORDER, busy_until=NOW)
    assert store.orders() == (ORDER,)
    later = NOW + timedelta(seconds=10)
    assert not store.claim_order("1", at=NOW - timedelta(seconds=1), busy_until=later)
    assert store.claim_order("1", at=NOW, busy_until=later)
    assert not store.claim_order("1", at=NOW, busy_until=later)
    store.update_order("1", key_id="k", request=b"\x00", order_url="http://x")
    (order,) = store.orders()
    assert (order.key_id, order.request, order.order_url) == ("k", b"\x00", "http://x")
    store.set_renewal(RenewalRow("aa", next_at=NOW, failures=3, error="e"))
    store.finish_order(order, "bb")
    assert store.orders() == () and store.renewals()["aa"].renewed_by == "bb"
    assert store.add_account("u", "a", b"key") and not store.add_account("u", "a", b"other")
    store.set_account_url("u", "a", "http://account")
    assert store.account("u", "a") == (b"key", "http://account")
    store.add_challenge("t", "c", at=NOW, until=later)
    store.add_challenge("t", "d", at=NOW, until=later)
    assert store.challenge("t", at=NOW) == "d"
    assert store.challenge("t", at=later + timedelta(seconds=1)) is None
    store.close()


def test_on_sqlite(tmp_path: Path) -> None:
    exercised(Store(f"sqlite:///{tmp_path}/acme.db"))


def test_on_postgresql(postgresql: PostgreSQL) -> None:  # noqa: F811
    with postgresql.database() as url:
        exercised(Store(url))
