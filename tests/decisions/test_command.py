"""`sild decisions`: what an official, an auditor and a night job type."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding

from sild.cli import cli
from sild.decisions import open_values, shred
from sild.errors import CallerError
from sild.rule_engine import RuleEngine
from sild.rules import load_package

from .test_replay import AT, OUTPUTS, PACKAGE, SITUATION, World


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("body")
    package = load_package(max(PACKAGE.iterdir()))
    with RuleEngine(workers=1) as engine:
        world = World(directory, package, engine.evaluate(package, SITUATION, OUTPUTS, at=AT))
    decision = world.decide()
    world.decide("case-2")
    (directory / "decisions.keys").write_bytes(b"k" * 32)
    (directory / "trust.pem").write_bytes(world.root.certificate.public_bytes(Encoding.PEM))
    world.store.engine.dispose()
    return directory, decision


def run(directory: Path, *arguments: str, **options: Any) -> Result:
    store = ["--database", str(directory / "d.db"), "--keys", str(directory / "decisions.keys")]
    return CliRunner().invoke(cli, ["decisions", *arguments, *store], catch_exceptions=False, **options)


def test_list_and_show(decided: tuple[Path, str]) -> None:
    directory, decision = decided
    listed = json.loads(run(directory, "list", "--json").output)
    assert {one["case"] for one in listed} == {"case-1", "case-2"}
    assert decision in run(directory, "list", "--subject", "49001010005").output
    assert run(directory, "list", "--subject", "49001010006").output == ""
    assert decision in run(directory, "list", "--case", "case-1", "--since", "2026-01-01T00:00:00Z").output
    assert "1234.57" not in run(directory, "show", decision).output
    shown = json.loads(run(directory, "show", decision, "--open", "--json").output)
    assert any(one["value"] == "1234.57" for one in shown["inputs"])
    with pytest.raises(CallerError):
        run(directory, "show", "019cadc6-0000-7000-8000-000000000000")


def test_message_logs_that_cannot_be_asked(decided: tuple[Path, str]) -> None:
    directory, decision = decided
    road = ["--security-server", "http://127.0.0.1:9", "--client", "SILD/GOV/70000004/social"]
    replayed = run(directory, "replay", decision, *road)
    assert (
        "3 unknown: message m-1: the log of the consumer, SILD/GOV/70000004/social, could not be asked"
        in replayed.output
    )
    assert "belong together" in run(directory, "replay", decision, *road[:2]).output
    assert "3 or 4 parts" in run(directory, "replay", decision, *road[:3], "SILD").output


def test_bundle_and_verify(decided: tuple[Path, str], tmp_path: Path) -> None:
    directory, decision = decided
    file, trust = tmp_path / "bundle.json", str(directory / "trust.pem")
    assert run(directory, "bundle", decision, "--output", str(file)).exit_code == 0
    checked = CliRunner().invoke(cli, ["decisions", "verify", str(file), "--trust", trust])
    assert checked.exit_code == 2  # no checkpoint covers it yet
    assert "no checkpoint covers it" in checked.output
    file.write_bytes(file.read_bytes().replace(b"grant", b"grand", 1))
    found = CliRunner().invoke(cli, ["decisions", "verify", str(file), "--json"])
    assert (found.exit_code, json.loads(found.output)[-1]["verdict"]) == (1, "broken")
    program = CliRunner().invoke(cli, ["decisions", "verifier"]).output
    (tmp_path / "v.py").write_text(program, "utf-8")
    assert (
        subprocess.run([sys.executable, "-I", tmp_path / "v.py", file], capture_output=True).returncode == 1
    )


def test_replay_and_sample(decided: tuple[Path, str]) -> None:
    directory, decision = decided
    done = run(directory, "replay", decision, "--keep")
    assert done.exit_code == 0 and "byte for byte" in done.output
    assert json.loads(run(directory, "replay", decision, "--json").output)["result"] == "match"
    when = ["--begins", "2026-03-02T00:00:00Z", "--ends", "2026-03-03T00:00:00Z", "--size", "1"]
    assert "seed" in run(directory, "sample", "2026-03-02", "--publish", *when).output
    assert run(directory, "sample", "x", "--publish").exit_code == 2
    drawn = run(directory, "sample", "2026-03-02", "--json")
    assert (drawn.exit_code, json.loads(drawn.output)["percent"]) == (0, 100)
    with pytest.raises(CallerError):
        run(directory, "sample", "never-published")


def test_audit(decided: tuple[Path, str]) -> None:
    directory, _ = decided
    assert json.loads(run(directory, "audit", "--json").output) == {"faults": []}
    assert run(directory, "audit").exit_code == 0


def test_shred(decided: tuple[Path, str]) -> None:
    directory, _ = decided
    decision = json.loads(run(directory, "list", "--case", "case-2", "--json").output)[0]["id"]
    assert run(directory, "shred", "--decision", decision, "--ground", "GDPR 17", input="n\n").exit_code != 0
    done = run(directory, "shred", "--decision", decision, "--ground", "GDPR 17", "--yes", "--json")
    assert json.loads(done.output)["shredded"] > 10
    again = run(directory, "replay", decision)
    assert (again.exit_code, again.output.split()[-1]) == (2, "impossible")
    assert json.loads(
        run(directory, "shred", "--expired", "2020-01-01", "--ground", "x", "--yes", "--json").output
    ) == {"shredded": 0}


def test_a_database_that_is_not_there_is_not_made(decided: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "decisions.keys").write_bytes(b"k" * 32)
    with pytest.raises(CallerError):
        run(tmp_path, "list")
    assert not (tmp_path / "d.db").exists()


def test_recompute_by_a_new_version_of_the_rules(tmp_path: Path) -> None:
    package = load_package(max(PACKAGE.iterdir()))
    with RuleEngine(workers=1) as engine:
        world = World(tmp_path, package, engine.evaluate(package, SITUATION, OUTPUTS, at=AT))
    first, second, gone = (world.decide(f"case-{number}") for number in range(3))
    (tmp_path / "decisions.keys").write_bytes(b"k" * 32)
    with world.store.engine.connect() as connection:
        sealed = set(open_values(world.store, connection, gone))
    shred(world.store, sealed, ground="expired")
    world.store.engine.dispose()
    dearer = tmp_path / "rules" / "1.2.0"
    copytree(max(PACKAGE.iterdir()), dearer)
    for name, old, new in (
        ("package.yaml", "version: 1.1.0", "version: 1.2.0"),
        ("parameters/birth_grant.yaml", "320", "400"),
    ):
        (dearer / name).write_text((dearer / name).read_text("utf-8").replace(old, new), "utf-8")
    looked = run(tmp_path, "recompute", str(dearer), "--dry-run", "--json")
    said = json.loads(looked.stdout)
    assert (looked.exit_code, said["differs"], said["impossible"], said["same"]) == (1, 2, 1, 0)
    assert {one["decision"]: one["names"] for one in said["found"]} == {
        first: ["f/birth_grant/ETERNITY"], second: ["f/birth_grant/ETERNITY"], gone: ["shredded"]
    }  # fmt: skip
    kept = run(tmp_path, "recompute", str(dearer))
    assert (
        kept.exit_code == 1
        and "2 otherwise, 1 cannot be told" in kept.stdout
        and "100 %, 3 of 3" in kept.stderr
    )
    again = run(tmp_path, "recompute", str(dearer), "--json")
    assert (again.exit_code, json.loads(again.stdout)["looked_at_before"]) == (0, 3), (
        "each once for a package"
    )
    assert run(tmp_path, "recompute", "ee-family-benefits@1.0.0").exit_code == 2, (
        "the same outcome, but for what is gone"
    )
    with pytest.raises(CallerError, match="no rule package"):
        run(tmp_path, "recompute", "ee-nothing")
    told = run(tmp_path, "delivered", first, "--to", "49001010005", "--channel", "post")
    assert told.output == "written down\n"
    assert (
        "it was known" in run(tmp_path, "delivered", first, "--to", "49001010005", "--channel", "post").output
    )
    with pytest.raises(CallerError, match="somebody else"):
        run(tmp_path, "delivered", first, "--to", "49001010006")
    (shown,) = json.loads(run(tmp_path, "show", first, "--json").stdout)["delivered"]
    assert shown["channel"] == "post" and shown["delivered_at"] and shown["to"].startswith("p-")
