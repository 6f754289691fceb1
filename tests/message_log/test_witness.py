"""Which requests of a log name a person, and where they went; nothing else of them leaves the log."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from joserfc import jws
from joserfc.jwk import ECKey

from sild.errors import CallerError
from sild.message_log import MessageLog, named_register, witness
from sild.processes.message_log_witness import command
from support.logged_messages import message

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PERSON = "EE38001085718"
POPULATION = "GOV/70000002/population"
ROOT = f"/r1/SILD/{POPULATION}/population"


def head(path: str, *headers: str) -> bytes:
    return "\r\n".join(["GET", path, "x-road-userid:EE38001085718", *headers, ""]).encode()


@pytest.mark.parametrize(
    ("request_", "register"),
    [
        (head(f"{ROOT}/persons/38001085718"), POPULATION),
        (head(f"{ROOT}/persons/EE38001085718/facts?history=true"), POPULATION),
        (head(f"{ROOT}/births?parent=38001085718"), POPULATION),
        (head(f"{ROOT}/moves", "X-Road-Represented-Party: PERSON/EE38001085718"), POPULATION),
        (head(f"{ROOT}/moves", "x-road-represented-party:EE38001085718"), POPULATION),
        (head(f"{ROOT}/persons/%338001085718"), POPULATION),
        (head(f"{ROOT}/births?parent=3800108571%38"), POPULATION),
        (head("/r1/SILD/GOV/7000000%32/population/population/persons/38001085718"), POPULATION),
        (head(f"{ROOT}/moves"), None),
        (head(f"{ROOT}/persons/380010857180"), None),
        (head(f"{ROOT}/persons/LT38001085718"), None),
        (head(f"{ROOT}/findUsage?userCode=EE38001085718"), None),
        (head("/other/38001085718"), None),
        (b"<SOAP/>38001085718", None),
        (b"", None),
    ],
)
def test_a_request_that_names_the_person(request_: bytes, register: str | None) -> None:
    assert named_register(request_, PERSON) == register


async def filled(log: MessageLog) -> None:
    for number, path in enumerate(
        ["/persons/38001085718", "/persons/49001010005", "/persons/EE38001085718/facts"]
    ):
        for is_response in (False, True):
            record = replace(message(f"m-{number}", is_response=is_response), message=head(ROOT + path))
            await log.append(record, at=NOW + timedelta(minutes=number))


def digests(*ids: str) -> list[str]:
    return sorted(hashlib.sha256(one.encode()).hexdigest() for one in ids)


async def test_what_a_log_says(log: MessageLog) -> None:
    await filled(log)
    said = await witness(log, "SILD/GOV/70000002/ss1", PERSON, at=NOW + timedelta(hours=1))
    assert said["registers"] == {POPULATION: digests("m-0", "m-2")}, (
        "requests alone, in no order that tells their time"
    )
    assert said["kept_since"] is None and said["person"] == PERSON
    early = await witness(log, "x", PERSON, at=NOW + timedelta(minutes=1), registers=[POPULATION])
    assert early["registers"] == {POPULATION: digests("m-0")}
    assert (await witness(log, "x", PERSON, at=NOW, registers=["GOV/1/x"]))["registers"] == {}


async def test_nobody_is_no_person(log: MessageLog) -> None:
    for nobody in ("", "38001085718", "EE", "EE.*", "EE38001085718 x"):
        with pytest.raises(CallerError):
            await witness(log, "x", nobody, at=NOW)


def test_the_command(tmp_path: Path) -> None:
    """The key is made once; who has its public half can check what it says."""
    url = f"sqlite:///{tmp_path}/log.db"

    async def fill() -> None:
        log = MessageLog(url)
        await filled(log)
        await log.close()

    asyncio.run(fill())
    (tmp_path / "pass").write_text("secret\n")
    arguments = [PERSON, "--database", url, "--log", "SILD/GOV/70000002/ss1", "--key", str(tmp_path / "log.pem"),
                 "--password-file", str(tmp_path / "pass")]  # fmt: skip
    for _ in range(2):
        ran = CliRunner().invoke(command, arguments)
        assert ran.exit_code == 0, ran.output
        (key,) = json.loads((tmp_path / "log.pem.jwks").read_text())["keys"]
        said = json.loads(jws.deserialize_compact(ran.output.strip(), ECKey.import_key(key)).payload)
        assert said["registers"] == {POPULATION: digests("m-0", "m-2")}
    assert b"ENCRYPTED" in (tmp_path / "log.pem").read_bytes()
    (tmp_path / "pass").write_text("another\n")
    assert CliRunner().invoke(command, arguments).exit_code != 0
