"""The register's interface as a security server meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from sqlalchemy import text

from sild.registries import PopulationRegister, population_app
from support.asgi import Site, serving

HEADERS = {
    "x_road_client": "DEV/GOV/1/Desk",
    "x_road_id": "DEV-1",
    "x_road_userid": "EE1",
    "x_road_request_id": "r-1",
}
ADDRESS = {"country": "EE", "region": "Tartu maakond", "municipality": "Tartu linn", "house": "5"}


@pytest.fixture
def site(register: PopulationRegister) -> Iterator[Site]:
    with serving(population_app(register, url="http://population:8000")) as site:
        yield site


@pytest.fixture
def code(register: PopulationRegister) -> str:
    return register.some_people(1)[0]["code"]


def test_a_person(site: Site, code: str) -> None:
    answer = site.get(f"/persons/{code}", **HEADERS)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    person = answer.json()
    assert person["code"] == code
    assert person["residence"]["address"]["country"] == person["country"]
    assert "died" not in person


def test_children(site: Site, code: str) -> None:
    children = site.get(f"/persons/{code}/children", **HEADERS).json()
    assert children["total"] == len(children["items"]) > 0
    assert code in (children["items"][0].get("mother"), children["items"][0].get("father"))


def test_people_by_name(site: Site) -> None:
    answer = site.get(f"/persons?family_name={quote('Nguyễn')}&limit=3", **HEADERS).json()
    assert len(answer["items"]) == 3
    assert answer["total"] > 3


def test_an_address_notice(site: Site, code: str) -> None:
    notice = {"address": ADDRESS, "valid_from": "2026-02-01"}
    answer = site.post(f"/persons/{code}/address-notices", notice, **HEADERS)
    assert answer.status == 201
    assert answer.json()["client"] == "DEV/GOV/1/Desk"
    location = answer.headers["location"]
    assert site.get(location, **HEADERS).json() == answer.json()
    assert site.post(f"/persons/{code}/address-notices", notice, **HEADERS).status == 200
    assert site.get(f"/persons/{code}", **HEADERS).json()["residence"]["address"]["house"] == "5"


def test_who_asks_is_recorded(site: Site, register: PopulationRegister, code: str) -> None:
    site.get(f"/persons/{code}", x_road_issue="case 7", x_road_represented_party="GOV/2", **HEADERS)
    (use,) = register.usage_of(code)
    assert (use["client"], use["message_id"], use["request_id"]) == ("DEV/GOV/1/Desk", "DEV-1", "r-1")
    assert (use["user_id"], use["issue"], use["represented_party"]) == ("EE1", "case 7", "GOV/2")


@pytest.mark.parametrize("missing", ["x_road_client", "x_road_id"])
def test_not_through_a_security_server(site: Site, code: str, missing: str) -> None:
    answer = site.get(f"/persons/{code}", **{name: v for name, v in HEADERS.items() if name != missing})
    assert answer.status == 400
    assert answer.json()["type"] == "urn:sild:population:missing_x_road_header"


@pytest.mark.parametrize(
    ("target", "status", "kind"),
    [
        ("/persons/38001085718", 404, "unknown_person"),
        ("/persons/38001085717", 400, "invalid_identity_code"),
        ("/persons/38001085718/children", 404, "unknown_person"),
        ("/persons", 400, "too_broad"),
        ("/persons?born=yesterday", 400, "bad_request"),
        ("/persons?family_name=Tamm&limit=1000", 400, "bad_request"),
        ("/persons?family_name=Tamm&country=FI", 400, "bad_request"),
        ("/persons/38001085718/address-notices/9", 404, "unknown_notice"),
        ("/persons/38001085718/address-notices/x", 400, "bad_request"),
    ],
)
def test_problems(site: Site, target: str, status: int, kind: str) -> None:
    answer = site.get(target, **HEADERS)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:sild:population:{kind}"
    assert (problem["status"], problem["instance"]) == (status, "urn:x-road:message:DEV-1")
    assert "yesterday" not in answer.text


@pytest.mark.parametrize(
    ("method", "target", "status"), [("GET", "/people", 404), ("DELETE", "/persons", 405)]
)
def test_http_has_its_own_words(site: Site, method: str, target: str, status: int) -> None:
    answer = site.request(method, target)
    assert (answer.status, answer.json()["type"]) == (status, "about:blank")


@pytest.mark.parametrize(
    "notice",
    [
        {},
        {"address": ADDRESS},
        {"address": {**ADDRESS, "house": ""}, "valid_from": "2026-02-01"},
        {"address": {**ADDRESS, "country": "FI"}, "valid_from": "2026-02-01"},
        {"address": {**ADDRESS, "planet": "Earth"}, "valid_from": "2026-02-01"},
        {"address": ADDRESS, "valid_from": "2026-02-30"},
        [],
    ],
)
def test_notices_that_do_not_fit_the_description(site: Site, code: str, notice: object) -> None:
    answer = site.post(f"/persons/{code}/address-notices", notice, **HEADERS)
    assert answer.status == 400
    assert answer.json()["errors"][0]["pointer"].startswith("/body")


def test_a_body_that_is_no_json(site: Site, code: str) -> None:
    headers = {name.replace("_", "-"): value for name, value in HEADERS.items()}
    answer = site.request(
        "POST",
        f"/persons/{code}/address-notices",
        body=b"{",
        headers={**headers, "Content-Type": "application/json"},
    )
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_database_that_fails(site: Site, register: PopulationRegister, code: str) -> None:
    with register._engine.begin() as connection:
        connection.execute(text("ALTER TABLE usage_records RENAME TO elsewhere"))
    answer = site.get(f"/persons/{code}", **HEADERS)
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert "elsewhere" not in answer.text


def test_a_bug_tells_nothing(
    site: Site, register: PopulationRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(register, "count", broken)
    answer = site.get("/health")
    assert (answer.status, answer.json()["type"]) == (500, "urn:sild:population:internal_error")
    assert "secret" not in answer.text


def test_the_description(site: Site) -> None:
    description = site.get("/openapi.json").json()
    assert description["openapi"].startswith("3.")
    assert description["servers"] == [{"url": "http://population:8000"}]
    operations = {
        (method.upper(), path): operation["operationId"]
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }
    assert operations == {
        ("GET", "/persons/{code}"): "getPerson",
        ("GET", "/persons"): "findPersons",
        ("GET", "/persons/{code}/children"): "getChildren",
        ("POST", "/persons/{code}/address-notices"): "giveAddressNotice",
        ("GET", "/persons/{code}/address-notices/{notice_id}"): "getAddressNotice",
        ("GET", "/health"): "health",
    }
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(description)))
    assert references <= set(description["components"]["schemas"])
    assert "HTTPValidationError" not in description["components"]["schemas"]


def test_the_process_serves_and_ends_when_asked(tmp_path: Path) -> None:
    config = tmp_path / "registry.toml"
    config.write_text('directory = "state"\npeople = 200\nlisten = [{ port = 0 }]\n')
    with subprocess.Popen(
        [sys.executable, "-c", "from sild.cli import main; main()", "registry", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        assert process.stdout is not None
        (address,) = json.loads(process.stdout.readline())["addresses"]
        with urlopen(f"{address}/health") as response:
            assert json.load(response)["status"] == "up"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0, log
    assert (tmp_path / "state" / "population.db").exists()
