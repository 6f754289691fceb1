"""What the public sees of a day: counts by provider, purpose and class, in figures and on a page; and telemetry, without content."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sild.ai_gateway.daily import DailyReports
from sild.gateway_client import GatewayRefused
from support.accessible import check
from support.ai_world import World, gateway_world
from support.asgi import Site
from support.chromium import chromium


def site(url: str) -> Site:
    host, port = url.removeprefix("http://").split(":")
    return Site(host, int(port))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with gateway_world(tmp_path_factory.mktemp("gateway")) as world:
        world.complete("explain", passage="Saladusõna seaduses.")
        world.complete("explain", passage="Saladusõna seaduses.")
        world.complete("ask", question="Saladusõna?")
        world.complete("benefit", amount="1200.00")
        world.openai.next(status=400)
        world.complete("explain", passage="Law.")
        with pytest.raises(GatewayRefused):
            world.complete("vault", key="Saladusõna")
        yield world


async def test_a_crowd_that_asks_for_a_long_day_has_it_read_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, read = world.gateway.parts.store, []
    really = store.ledger

    def slowly(**days: date) -> list[dict[str, Any]]:
        read.append(days)
        time.sleep(0.2)
        return really(**days)

    monkeypatch.setattr(store, "ledger", slowly)
    reports, day = DailyReports(store), date(2026, 11, 22)
    found = await asyncio.gather(*(reports.of(day) for _ in range(100)))
    assert {report.calls for report in found} == {6} and len(read) == 1
    await reports.of(date(2026, 11, 21))
    assert len(read) == 2


def test_the_report_of_a_day(world: World) -> None:
    report = site(world.url).get("/egress/2026-11-22.json").json()
    assert report["calls"] == 6 and report["askings_abroad"] == 4 and report["askings_local"] == 2
    assert report["refused"] == {"class_secret": 1}
    rows = {(row["provider"], row["class"]): (row["askings"], row["answered"]) for row in report["egress"]}
    assert rows == {
        ("openai-eu", "public"): (3, 2),
        ("anthropic-eu", "public"): (1, 1),
        ("here", "personal"): (1, 1),
        ("here", "tax"): (1, 1),
    }
    assert {row["purpose"] for row in report["egress"]} == {"plain words"}
    assert "Saladus" not in json.dumps(report, ensure_ascii=False)


def test_the_same_as_csv_and_days_that_are_none(world: World) -> None:
    answer = site(world.url).get("/egress/2026-11-22.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["region"] for row in rows} == {"EU", "local"} and sum(
        int(row["askings"]) for row in rows
    ) == 6
    assert site(world.url).get("/egress/2020-01-01.json").json()["egress"] == []
    assert site(world.url).get("/egress/yesterday.json").status == 404


def test_the_page_for_people(world: World, tmp_path: Path) -> None:
    answer = site(world.url).get("/egress", accept_language="vi")
    assert '<html lang="vi">' in answer.text and len(answer.body) < 50_000
    assert "<script" not in answer.text and "Saladus" not in answer.text
    chosen = site(world.url).get("/egress?lang=vi", accept_language="en")
    assert '<html lang="vi">' in chosen.text and "egress-language=vi" in chosen.headers["Set-Cookie"]
    for headers, language in (
        ({"accept_language": "en", "cookie": "egress-language=vi"}, "vi"),  # chosen here before
        ({"accept_language": "et", "cookie": "__Host-portal-language=en"}, "en"),  # chosen on the portal
        ({"accept_language": "EN-gb;q=0.8, fr"}, "en"),
        ({"accept_language": "fr, de;q=0.5"}, "en"),  # none of ours
        ({"accept_language": "*"}, "et"),
    ):
        assert f'<html lang="{language}">' in site(world.url).get("/egress", **headers).text, headers
    with chromium() as browser:
        for width in (390, 1280):
            page = browser.new_page(viewport={"width": width, "height": 800})
            page.goto(f"{world.url}/egress?lang=et")
            check(page, f"egress-{width}")
            assert "tehisaru" in page.inner_text("h1")


def test_metrics_and_health(world: World) -> None:
    text = site(world.metrics_url).get("/metrics").text
    assert 'sild_ai_attempts_total{place="abroad",provider="openai-eu",status="ok"} 2.0' in text
    assert 'sild_ai_calls_total{reason="class_secret",verdict="refused"} 1.0' in text
    assert 'sild_ai_provider_off{provider="openai-eu"} 0.0' in text
    assert site(world.url).get("/health").json() == {"status": "up", "models": 3}
    assert site(world.url).get("/metrics").status == 404


def test_spans_have_the_gen_ai_attributes_and_no_content(tmp_path: Path) -> None:
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        with gateway_world(tmp_path, opentelemetry_endpoint=endpoint) as world:
            world.complete("explain", passage="Saladusõna")
    finally:
        server.shutdown()
        server.server_close()
    import gzip

    sent = b"".join(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for body in received)
    for wanted in (
        b"gen_ai.operation.name",
        b"gen_ai.request.model",
        b"gpt-test-2026-11-01",
        b"gen_ai.usage.input_tokens",
    ):
        assert wanted in sent
    assert b"Saladus" not in sent and b"olemas" not in sent
