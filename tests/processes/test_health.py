"""`/ready` says in a code what is wrong, and hides the rest; a check that hangs is asked once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from sild.database import ensure_answers, open_database, sqlite_url
from sild.errors import Unavailable
from sild.events import EVENT_MIGRATIONS
from sild.processes import health
from sild.processes.health import Health
from support.asgi import serving


async def well() -> None:
    pass


async def broken() -> None:
    raise Unavailable("host db7 refuses sild", code="database_error")


def test_ready_until_a_check_fails_or_it_leaves() -> None:
    sound = Health({"portal": well, "cases": well})
    with serving(sound.app) as site:
        assert site.get("/live").status == 200
        assert site.get("/ready").status == 200
        sound.leave()
        told = site.get("/ready")
        assert (told.status, json.loads(told.body)["reason"]) == (503, health.LEAVING)
        assert site.get("/live").status == 200
        assert site.get("/").status == 404
    with serving(Health({"portal": well, "cases": broken}).app) as site:
        told = site.get("/ready")
        assert told.status == 503 and b"db7" not in told.body
        assert json.loads(told.body)["checks"] == {"portal": "ok", "cases": "database_error"}


def test_a_check_that_hangs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    asked = []

    async def hangs() -> None:
        asked.append(1)
        await asyncio.Event().wait()

    with serving(Health({"cases": hangs}).app) as site:
        for _ in range(3):
            told = site.get("/ready")
            assert told.status == 503 and "no answer within" in json.loads(told.body)["reason"]
        assert site.get("/live").status == 200
    assert len(asked) == 1


def test_a_database_that_is_gone_is_an_outage(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "it.sqlite"), EVENT_MIGRATIONS)
    ensure_answers(engine)
    engine.dispose()
    gone = create_engine(sqlite_url(tmp_path / "none" / "it.sqlite"))
    with pytest.raises(Unavailable, match="does not answer"):
        ensure_answers(gone)
