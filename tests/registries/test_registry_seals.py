"""`sild registry` alone: its seal is certified and its decisions time-stamped by trust services that are processes of their own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sild.decisions import canonical_json, verify_bundle
from sild.documents import seal_statement, verify_statement
from sild.processes.sealing import SealSettings, certify_by
from sild.registries.deciding.body import open_seal
from support.asgi import Site
from support.notices import HOSPITAL, MIDWIFE, NAMED, signed_bundle

from .archive.parcels import act, package
from .asking import Asker
from .families import couple
from .notices import bundle, recorded

KEY, OTHER_KEY = "0123456789abcdef", "fedcba9876543210"


@contextmanager
def running(name: str, config: Path) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-c", "from sild.cli import main; main()", name, "--config", str(config)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        assert process.stdout is not None
        try:
            yield str(json.loads(process.stdout.readline())["addresses"][0])
        finally:
            process.terminate()
            process.wait(timeout=20)


def certificates(trust: str, directory: Path) -> None:
    for name in ("ca", "tsa"):
        with urlopen(f"{trust}/services/{name}.pem") as answer:
            (directory / f"{name}.pem").write_bytes(answer.read())


def registry(directory: Path, trust: str, *, key: str = KEY, kind: str = "population") -> Path:
    (directory / "seal.key").write_text(f"{key}\n")
    pems = [one.public_bytes(Encoding.PEM) for one in NAMED]
    (directory / "signers.pem").write_bytes(b"".join(pems))
    may_notify = f'notifiers = [{{ person = "{MIDWIFE}", name = "Tiina Ämm", hospital = "{HOSPITAL}", since = 2020-01-01 }}]\nsigners = "signers.pem"\n'
    config = directory / "registry.toml"
    config.write_text(
        f'kind = "{kind}"\nsystem = "SILD/GOV/1/{kind}"\ndirectory = "state"\npeople = 400\nlisten = [{{ port = 0 }}]\n'
        + (may_notify if kind == "population" else "")
        + f'seal = {{ url = "{trust}/certificates/sign", key_file = "seal.key", authority = "ca.pem" }}\n'
        f'time_stamps = {{ urls = ["{trust}/tsa"], certificates = "tsa.pem", interval_seconds = 1 }}\n'
    )
    return config


@pytest.fixture
def trust(tmp_path: Path) -> Iterator[str]:
    digest, other = (hashlib.sha256(key.encode()).hexdigest() for key in (KEY, OTHER_KEY))
    config = tmp_path / "trust.toml"
    config.write_text(
        f'directory = "trust"\npassword = "x"\nlisten = [{{ port = 0 }}]\n'
        f'api_keys = {{ population = "{digest}", other = "{other}" }}\n'
        'seal_bodies = { population = "SILD/GOV/1", other = "SILD/GOV/2" }\n'
    )
    with running("trust", config) as address:
        certificates(address, tmp_path)
        yield address


def test_a_register_outside_a_nation_seals_and_stamps(tmp_path: Path, trust: str) -> None:
    with ExitStack() as opened:
        address = urlsplit(opened.enter_context(running("registry", registry(tmp_path, trust))))
        population = Asker(Site(str(address.hostname), int(address.port or 0)))
        wife, husband = couple()
        told = bundle(wife.code, born=(datetime.now(UTC) - timedelta(days=2)).date().isoformat())
        child = recorded(population, signed_bundle(told, at=datetime.now(UTC)))
        agreed = {"signed_by": [wife.code, husband.code]}
        body = {"given_names": "Mari", "family_name": wife.family_name, **agreed}
        decision = population.done(f"/births/{child}/registration", body, user="automatic")["decision"]
        evidence = stamped(population, f"/decisions/{decision}/bundle", f"EE{wife.code}")
    trusted = [
        x509.load_pem_x509_certificate((tmp_path / f"{name}.pem").read_bytes()).public_bytes(Encoding.DER)
        for name in ("ca", "tsa")
    ]
    findings = verify_bundle(canonical_json(evidence) + b"\n", trusted)
    assert {finding.verdict for finding in findings} == {"holds"}, findings
    seal = (tmp_path / "state" / "decisions-seal.pem").read_bytes()
    certificate = x509.load_pem_x509_certificates(seal)[0]
    assert "SILD/GOV/1" in certificate.subject.rfc4514_string()


def test_an_archive_outside_a_nation_believes_whom_its_authority_certified(
    tmp_path: Path, trust: str
) -> None:
    config = registry(tmp_path, trust, kind="archive")
    asking = SealSettings(
        url=f"{trust}/certificates/sign", key_file=tmp_path / "other.key", authority=tmp_path / "ca.pem"
    )
    (tmp_path / "other.key").write_text(OTHER_KEY)
    now, body = datetime.now(UTC), "SILD/GOV/2"
    sealed = {
        name: seal_statement(
            canonical_json(act()),
            open_seal(tmp_path / name, "acts", body, name=body, at=now, certify=certify),
        )
        for name, certify in (("own", None), ("certified", certify_by(asking, tmp_path)))
    }
    headers = {
        "X-Road-Client": f"{body}/population",
        "X-Road-UserId": "automatic",
        "X-Road-Issue": "case-7",
        "Sild-Legal-Basis": "RRS 17",
        "Content-Type": "application/x-tar",
    }
    with running("registry", config) as address:
        place = urlsplit(address)
        site = Site(str(place.hostname), int(place.port or 0))

        def submitted(name: str, message: str) -> Any:
            content = package(tmp_path, seal=sealed[name], submitter=body)
            return site.request("POST", "/packages", body=content, headers={**headers, "X-Road-Id": message})

        refused, until = submitted("own", "m-0"), monotonic() + 20
        receipt = submitted("certified", "m-1").json()
        while not receipt["stamped_at"] and monotonic() < until:
            sleep(0.3)
            receipt = submitted("certified", "m-2").json()
    assert refused.status == 400, "anybody can issue a certificate in a body's name"
    assert [one["code"] for one in refused.json()["errors"]] == ["bad_seal"]
    named = [
        x509.load_pem_x509_certificate((tmp_path / f"{name}.pem").read_bytes()) for name in ("ca", "tsa")
    ]
    said, seal_bytes = receipt["receipt"].encode(), receipt["seal"].encode()
    found = verify_statement(said, seal_bytes, named, body="SILD/GOV/1", at=now + timedelta(minutes=5))
    assert (found.trusted, found.stamp_is_trusted) == (True, True)


def stamped(population: Asker, path: str, user: str) -> dict[str, object]:
    until = monotonic() + 20
    while monotonic() < until:
        evidence: dict[str, object] = population.value(path, user=user)
        record = evidence["record"]
        assert isinstance(record, dict)
        if record["integrity"]["timestamp"]:
            return evidence
        sleep(0.3)
    raise AssertionError("no time-stamp")


def test_a_seal_that_nobody_certifies_is_no_seal(tmp_path: Path, trust: str) -> None:
    config = registry(tmp_path, trust, key="another")
    program = [sys.executable, "-c", "from sild.cli import main; main()", "registry", "--config", str(config)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0 and "the seal is not certified" in ended.stderr
    assert not (tmp_path / "state" / "decisions-seal.pem").exists()
