"""`sild verify` as people and programs call it: exit status, JSON, what it says next (docs/verify.md)."""

from __future__ import annotations

import json
import shutil
import zipfile
from datetime import UTC, datetime
from hashlib import sha512
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sild.configuration_client import load_globalconf
from sild.processes.verify import command
from sild.processes.verify import judge as judge_file
from sild.processes.verify_report import Verdict
from sild.xroad.archive_linking import next_digest

AT = "2026-11-22T12:02:30Z"
FACTS = {
    "file", "type", "verdict", "fault_code", "message", "signer", "message_kind", "message_id", "client", "service",
    "certificate", "times", "references", "remarks", "next_step",
}  # fmt: skip


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def judge(file: Path, conf: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    status, output = run(file, "--conf", conf, "--json", *arguments)
    facts = json.loads(output)
    assert facts.keys() >= FACTS
    return status, facts


@pytest.fixture
def containers(shared: Path) -> Path:
    return shared / "globalconf/dirs/globalconf_good2_v3"


def test_every_container(shared: Path, containers: Path) -> None:
    for name, sample in json.loads((shared / "asice/expected.json").read_text())["containers"].items():
        status, facts = judge(shared / "asice" / name, containers)
        assert facts["type"] == "container"
        if sample["verdict"] != "loads":
            assert (status, facts["verdict"]) == (
                (0, "valid") if sample["verdict"] == "valid" else (1, "invalid")
            )
            assert facts["fault_code"] == sample["error"], name
            assert (facts["next_step"] is None) == (status == 0)


@pytest.mark.parametrize("name", ["01", "02", "05", "06"])
@pytest.mark.parametrize("side", ["req", "resp"])
def test_recorded_messages(shared: Path, name: str, side: str) -> None:
    status, facts = judge(shared / f"wire/{name}.{side}", shared / "wire/globalconf", "--at", AT)
    assert (status, facts["verdict"], facts["type"]) == (0, "valid", "recorded-message")
    member = "consumer" if side == "req" else "producer"
    assert facts["signer"] == f"EE:BUSINESS:{member}:sub"
    assert facts["times"]["judged_at"] == AT
    assert facts["times"]["signing_time"].startswith("2026-11-22T12:02:2")
    assert all(reference["verified"] for reference in facts["references"])


def test_a_changed_byte(shared: Path, tmp_path: Path) -> None:
    recorded = (shared / "wire/01.req").read_bytes()
    changed = tmp_path / "changed"
    changed.write_bytes(recorded.replace(b'{"value":42}', b'{"value":43}'))
    status, facts = judge(changed, shared / "wire/globalconf", "--at", AT)
    assert (status, facts["verdict"]) == (1, "invalid")
    assert facts["fault_code"] == "signature_verification.malformed_signature.invalid_hash_chain"


def test_a_fault_proves_nothing(shared: Path) -> None:
    status, facts = judge(shared / "wire/04.resp", shared / "wire/globalconf")
    assert (status, facts["verdict"]) == (2, "cannot_tell")
    assert facts["fault_code"] == "Server.ServerProxy.AccessDenied"
    assert facts["fault"]["detail"] == "90d1502a-a29e-4a79-9fed-8b7b9b3adf01"


def test_a_recording_too_old_for_now(shared: Path, tmp_path: Path) -> None:
    globalconf = load_globalconf(shared / "wire/globalconf")
    later = datetime(2027, 1, 1, tzinfo=UTC)
    judgement = judge_file(shared / "wire/02.req", globalconf, at=None, now=later)
    assert judgement.verdict is Verdict.CANNOT_TELL
    assert judgement.fault_code == "signature_verification.invalid_cert_path.incorrect_validation_info"
    assert judgement.next_step == "If you know when it was sent, say so: --at 2026-11-22T12:02:25Z"
    forged = tmp_path / "forged"
    forged.write_bytes((shared / "wire/02.req").read_bytes().replace(b"q=1", b"q=2"))
    judgement = judge_file(forged, globalconf, at=None, now=later)
    assert judgement.verdict is Verdict.INVALID
    assert judgement.fault_code == "signature_verification.invalid_signature_value"


def test_another_configuration_cannot_tell(shared: Path, containers: Path) -> None:
    status, facts = judge(shared / "wire/02.req", containers, "--at", AT)
    assert (status, facts["verdict"]) == (2, "cannot_tell")
    assert "instance EE" in facts["next_step"]


@pytest.mark.parametrize("content", [b"", b"hello", b"PK", b"\x89PNG\r\n\r\n"])
def test_files_of_no_kind(shared: Path, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    status, facts = judge(file, shared / "wire/globalconf")
    assert (status, facts["verdict"], facts["type"]) == (2, "cannot_tell", "unknown")
    container = tmp_path / "file.asice"
    container.write_bytes(content)
    status, facts = judge(container, shared / "wire/globalconf")
    assert (status, facts["fault_code"]) == (1, "asic_mime_type_not_found")


def test_configurations_that_cannot_be_read(shared: Path, tmp_path: Path) -> None:
    garbage = tmp_path / "anchor.xml"
    garbage.write_text("<a/>")
    for conf in (tmp_path, shared / "wire/pki", garbage, shared / "globalconf/dirs/globalconf_malformed"):
        status, facts = judge(shared / "wire/01.req", conf)
        assert (status, facts["verdict"]) == (2, "cannot_tell"), conf
        assert "configuration" in facts["next_step"]


def test_a_configuration_in_a_zip(shared: Path, tmp_path: Path) -> None:
    """As `/verificationconf` gives it."""
    path = tmp_path / "verificationconf.zip"
    with zipfile.ZipFile(path, "w") as archive:
        root = shared / "wire/globalconf"
        for file in root.rglob("*"):
            if file.is_file():
                archive.write(file, Path("verificationconf") / file.relative_to(root))
    assert judge(shared / "wire/01.req", path, "--at", AT)[0] == 0


# --- archives


def test_the_sample_archive(shared: Path, containers: Path) -> None:
    """Its chain is whole; its configuration is in no sample."""
    stated = json.loads((shared / "messagelog-archive/expected.json").read_text())["cases"][0]
    status, facts = judge(shared / "messagelog-archive" / stated["file"], containers)
    assert (status, facts["type"]) == (2, "archive")
    assert facts["linking"]["last_digest"] == stated["last_digest"]
    assert [container["verdict"] for container in facts["containers"]] == ["cannot_tell"]


def archive(path: Path, source: Path, names: list[str], *, left_out: str = "", swapped: str = "") -> Path:
    lines, digest = ["- - SHA-512"], ""
    with zipfile.ZipFile(path, "w") as target:
        for name in names:
            data = (source / name).read_bytes()
            digest = next_digest(digest, sha512(data).digest())
            lines.append(f"{digest} {name}")
            if name != left_out:
                target.writestr(name, (source / (swapped or name)).read_bytes())
        target.writestr("linkinginfo", "\n".join(lines))
    return path


VALID = ["valid-signed-message.asice", "valid-non-batch-rest.asice"]


def test_a_good_archive(shared: Path, containers: Path, tmp_path: Path) -> None:
    status, facts = judge(archive(tmp_path / "a.zip", shared / "asice", VALID), containers)
    assert (status, facts["verdict"]) == (0, "valid")
    assert [container["verdict"] for container in facts["containers"]] == ["valid", "valid"]


def test_an_archive_with_a_bad_container(shared: Path, containers: Path, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", shared / "asice", [*VALID, "wrong-message.asice"])
    status, facts = judge(path, containers)
    assert (status, facts["fault_code"]) == (1, "invalid_signature_value")


def test_an_archive_from_which_something_is_gone(shared: Path, containers: Path, tmp_path: Path) -> None:
    status, facts = judge(archive(tmp_path / "a.zip", shared / "asice", VALID, left_out=VALID[0]), containers)
    assert (status, facts["fault_code"]) == (1, "invalid_reference")


def test_an_archive_in_which_something_was_exchanged(shared: Path, containers: Path, tmp_path: Path) -> None:
    """Each container is good by itself."""
    status, facts = judge(archive(tmp_path / "a.zip", shared / "asice", VALID, swapped=VALID[1]), containers)
    assert (status, facts["fault_code"]) == (1, "invalid_hash_chain")


def test_a_damaged_archive(shared: Path, containers: Path, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", shared / "asice", VALID)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(bytes(data))
    assert judge(path, containers)[0] == 1


# --- for people


def test_the_report_for_people(shared: Path, containers: Path) -> None:
    status, output = run(shared / "asice/valid-non-batch-rest.asice", "--conf", containers)
    assert status == 0
    lines = output.splitlines()
    assert lines[0].startswith("VALID  ")
    assert "  signed by    DEV:COM:1234:TestService" in lines
    status, output = run(shared / "asice/wrong-message.asice", "--conf", containers)
    assert status == 1
    assert "  code         invalid_signature_value" in output.splitlines()
    assert "next step" in output


@pytest.mark.parametrize("arguments", [["--at", "yesterday"], ["--at", ""], ["--conf", "/nowhere"]])
def test_wrong_usage(shared: Path, arguments: list[str]) -> None:
    base = [str(shared / "wire/01.req"), "--conf", str(shared / "wire/globalconf")]
    result = CliRunner().invoke(command, [*base, *arguments])
    assert result.exit_code == 2


def test_times_without_a_zone_are_utc(shared: Path) -> None:
    assert judge(shared / "wire/01.req", shared / "wire/globalconf", "--at", "2026-11-22 12:02:30")[0] == 0


def test_federated_directories_do_no_harm(shared: Path, tmp_path: Path) -> None:
    """A partner that cannot be read leaves the own instance usable."""
    directory = tmp_path / "globalconf"
    shutil.copytree(shared / "wire/globalconf", directory)
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (directory / "XX").mkdir()
    (directory / "XX/shared-params.xml").write_text("broken")
    assert judge(shared / "wire/01.req", directory, "--at", AT)[0] == 0
