"""What survives: both databases, several processes, keys behind their password, audit rows for good, keys that change."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from sild.errors import TrustError, Unavailable
from sild.identity_provider import IdentityProvider
from support.identity_world import CALLBACK, FIRM, MARI, MARI_PARTY, SECRET, World, board_of
from support.postgres import PostgreSQL, postgresql  # noqa: F401  a fixture


def test_on_postgresql_with_two_processes(tmp_path: Path, postgresql: PostgreSQL) -> None:  # noqa: F811
    with postgresql.database() as url:
        world = World(tmp_path, database=url)
        second = IdentityProvider(world.settings, world.clock)
        world.register.rights.append(board_of(MARI_PARTY, FIRM))
        with world.running():
            browser, service = world.browser(), world.service()
            tokens = service.log_in(browser, scope=f"openid representee.{FIRM.identifier}")
            assert service.claims(tokens)["representee"]["sub"] == FIRM.identifier
            assert second.keys.active("ES256").key_id == world.provider.keys.active("ES256").key_id
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            with ThreadPoolExecutor(4) as pool:  # the same token, four times at once
                answers = list(
                    pool.map(
                        lambda _: world.post("/token", auth=("service", SECRET), data=form).status_code,
                        range(4),
                    )
                )
            assert answers.count(200) <= 1
            bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
            assert (
                world.get("/userinfo", headers=bearer).status_code == 401
            )  # a theft, as far as anybody can tell
            second.end_sessions(MARI.subject)  # here, and it counts there
            assert browser.open(world.service().url()).path.startswith("/login/")
        second.close()


def test_one_code_at_once_on_sqlite(world: World) -> None:
    service, browser = world.service(), world.browser()
    code = browser.as_test_person(browser.open(service.url())).query["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": service.verifier,
    }
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda _: world.post("/token", auth=("service", SECRET), data=form).status_code, range(4)
            )
        )
    assert answers.count(200) <= 1
    assert set(answers) <= {200, 400}


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    with world.running():
        tokens = world.service().log_in(world.browser())
    again = IdentityProvider(world.settings, world.clock)
    assert again._grants.userinfo(tokens["access_token"])["sub"] == MARI.subject
    again.close()


def test_keys_are_behind_their_password(tmp_path: Path) -> None:
    with World(tmp_path).running() as world:
        pass
    database = tmp_path / "identity" / "identity-provider.db"
    connection = sqlite3.connect(database)
    (pem,) = connection.execute("SELECT pem FROM signing_key").fetchone()
    connection.close()
    assert b"ENCRYPTED" in pem
    assert database.stat().st_mode & 0o077 == 0
    with pytest.raises(TrustError):
        IdentityProvider(world.settings.model_copy(update={"key_password": SecretStr("guess")}), world.clock)


def test_secrets_are_kept_as_hashes(world: World) -> None:
    browser, service = world.browser(), world.service()
    tokens = service.log_in(browser)
    database = (world.settings.directory / "identity-provider.db").read_bytes()
    database += (world.settings.directory / "identity-provider.db-wal").read_bytes()
    for secret in [cookie.value for cookie in browser.session.cookies] + [tokens["refresh_token"], SECRET]:
        assert secret and secret.encode() not in database


def test_what_happened_stays(world: World) -> None:
    world.service().log_in(world.browser())
    connection = sqlite3.connect(world.settings.directory / "identity-provider.db")
    actions = [action for (action,) in connection.execute("SELECT action FROM audit_row ORDER BY id")]
    assert actions[-2:] == ["log_in", "grant"]
    for change in ("DELETE FROM audit_row", "UPDATE audit_row SET actor = 'x'"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(change)
    connection.close()


def test_a_failing_database_shows_nothing(world: World) -> None:
    connection = sqlite3.connect(world.settings.directory / "identity-provider.db")
    connection.execute("ALTER TABLE client RENAME TO elsewhere")
    connection.commit()
    connection.close()
    page = world.browser().open(world.issuer + "/authorize?client_id=service")
    assert page.status == 503
    assert "client" not in page.text.partition("<main")[2]
    with pytest.raises(Unavailable):
        world.provider.clients.find("service")


def test_keys_change_without_a_gap(world: World) -> None:
    service = world.service()
    tokens = service.log_in(world.browser())
    world.provider.rotate_keys()
    first = world.provider.keys.active("ES256").key_id
    published = {key["kid"] for key in world.get("/jwks").json()["keys"]}
    assert first in published and len(published) == 2  # published before it signs
    world.clock.forward(hours=1)
    world.provider.maintain()
    assert world.provider.keys.active("ES256").key_id != first
    assert service.claims(tokens)["sub"] == MARI.subject  # the old one is still published
    longest = max(world.settings.acting_seconds, world.settings.saying_seconds)  # a proof may be asked about
    world.clock.forward(days=1, seconds=longest)
    world.provider.maintain()
    second = world.provider.keys.active("ES256").key_id
    assert first not in {key["kid"] for key in world.get("/jwks").json()["keys"]}
    world.clock.forward(days=91)
    world.provider.maintain()
    assert world.provider.keys.active("ES256").key_id not in (first, second)  # by itself, in time


def test_a_stolen_key_signs_nothing_that_counts(world: World) -> None:
    tokens = world.service().log_in(world.browser())
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert world.get("/userinfo", headers=bearer).status_code == 200
    world.provider.rotate_keys(compromised=True)
    assert world.get("/userinfo", headers=bearer).status_code == 401


def test_what_is_over_goes_and_the_audit_stays(world: World) -> None:
    world.register.rights.append(board_of(MARI_PARTY, FIRM))
    service = world.service()
    service.log_in(world.browser(), scope=f"openid representee.{FIRM.identifier}")
    tables = ("session", "token_grant", "token_grant_mandate", "authorization_code", "refresh_token", "login")

    def counts() -> list[int]:
        connection = sqlite3.connect(world.settings.directory / "identity-provider.db")
        found = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
        found.append(
            connection.execute("SELECT count(*) FROM audit_row WHERE action = 'log_in'").fetchone()[0]
        )
        connection.close()
        return found

    world.provider.maintain()
    assert counts() == [1] * 7
    world.clock.forward(hours=31)  # over for 23
    world.provider.maintain()
    assert counts()[0] == 1
    world.clock.forward(hours=2)
    world.provider.maintain()
    assert counts() == [0] * 6 + [1]
