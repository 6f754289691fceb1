"""A package that is not what it says: every defect named at once, nothing written anywhere, nothing kept."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.documents import (
    ACT_FILE,
    MAX_PACKAGE_BYTES,
    BadPackage,
    canonical_json,
    parse_statement,
    read_package,
    seal_statement,
)
from sild.errors import PeerError
from sild.registries.archive.judging import judge_package

from .parcels import AT, ID, METS, MOTHER, SENDER, Authority, act, entry, members, package, sealer, tar_of


def defects(content: bytes, sender: str = f"{SENDER}/population") -> list[str]:
    with pytest.raises(BadPackage) as refused:
        judge_package(content, sender=sender, at=AT)
    return [one.code for one in refused.value.defects]


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    return package(tmp_path)


def test_a_good_one(good: bytes, tmp_path: Path) -> None:
    judged = judge_package(good, sender=f"{SENDER}/population", at=AT)
    assert judged.persons == ("62603010039", MOTHER) and judged.case == "case-7"
    assert set(judged.package.files) == {name.partition("/")[2] for name in members(good)}
    assert good == package(tmp_path, seal=judged.package.files["representations/act/data/act.seal.json"])


def test_a_name_in_a_certificate_of_ones_own_is_no_authority(tmp_path: Path) -> None:
    authority = Authority()
    content = canonical_json(act())

    def judged(certify: Authority | None) -> list[str]:
        seal = seal_statement(content, sealer(tmp_path / str(certify), certify=certify))
        try:
            judge_package(
                package(tmp_path, seal=seal),
                sender=f"{SENDER}/population",
                at=AT,
                authorities=[authority.root],
            )
        except BadPackage as refused:
            return [one.code for one in refused.defects]
        return []

    assert judged(authority) == []
    assert judged(None) == ["bad_seal"]
    assert judged(Authority()) == ["bad_seal"]


def test_an_altered_file(good: bytes) -> None:
    files = members(good)
    files[f"{ID}/{ACT_FILE}"] = files[f"{ID}/{ACT_FILE}"].replace(b"Mari", b"Mary")
    assert defects(tar_of(files)) == ["checksum_differs", "premis_differs"]


def test_every_altered_byte_is_found(good: bytes) -> None:
    """Of content and metadata alike; what tar itself leaves unused changes nothing that is kept."""
    kept = members(good)
    for place in range(0, len(good), 131):
        changed = bytearray(good)
        changed[place] ^= 1
        try:
            found = read_package(bytes(changed))
        except BadPackage:
            continue
        read = {f"{ID}/{path}": content for path, content in found.files.items()}
        changed_files = {path for path in read.keys() | kept.keys() if read.get(path) != kept.get(path)}
        assert changed_files <= {METS}, (
            f"{place}: what METS says of itself, the receipt's hash alone protects"
        )


def test_a_missing_and_an_unlisted_file(good: bytes) -> None:
    files = members(good)
    held = files.pop(f"{ID}/documentation/readme.txt")
    assert defects(tar_of(files)) == ["missing_file"]
    files[f"{ID}/documentation/other.txt"] = held
    assert defects(tar_of(files)) == ["missing_file", "unlisted_file"]


@pytest.mark.parametrize(
    "name",
    [
        "../outside.txt", "/etc/cron.d/x", f"{ID}/../../x", f"{ID}/./x", "C:\\x", f"{ID}\\x", f"{ID}/.ssh", f"{ID}//x",
        f"{ID}/a/b/c/d/e/f/g/h", f"{ID}/\u202e.txt", f"{ID}/x\n", "~/x", f"{ID}/-rf",
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere(good: bytes, name: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert "unsafe_path" in defects(tar_of({**members(good), name: b"x"}))
    assert sorted(tmp_path.rglob("*")) == before, "nothing was written"


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, METS),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
    ],
)
def test_links_and_devices(good: bytes, kind: bytes, link: str) -> None:
    assert "not_a_file" in defects(tar_of(members(good), entry(f"{ID}/documentation/x", kind, link)))


def test_a_file_twice_and_two_folders(good: bytes) -> None:
    twice = defects(tar_of(members(good), entry(METS, size=5)))
    assert "file_twice" in twice and "bad_metadata" in twice, "the last one counts, and is refused"
    assert "several_folders" in defects(tar_of({**members(good), "other/x": b""}))


def test_too_big(good: bytes) -> None:
    assert defects(b"\0" * (MAX_PACKAGE_BYTES + 1)) == ["too_large"]
    assert "too_large" in defects(tar_of({f"{ID}/documentation/{n}": b"" for n in range(300)}))
    huge = bytearray(tar_of({**members(good)}))
    assert defects(bytes(huge[:600])) == ["not_a_package"], "cut off"


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x1f\x8b" + b"\0" * 600, b"x" * 2000])
def test_no_tar(content: bytes) -> None:
    assert set(defects(content)) <= {
        "not_a_package",
        "no_mets",
        "no_premis",
        "no_act",
        "bad_seal",
        "not_the_senders",
    }


def test_compressed_is_refused_before_it_grows(good: bytes) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        tar.addfile(entry("x", size=1 << 20), io.BytesIO(b"\0" * (1 << 20)))
    assert defects(made.getvalue()) == ["not_a_package"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<mets/>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><mets:mets xmlns:mets='http://www.loc.gov/METS/'>&a;</mets:mets>",
        b"<mets:mets xmlns:mets='http://www.loc.gov/METS/'/>", b"\xff\xfe<", b"<a" * 9000,
    ],
)  # fmt: skip
def test_metadata_that_is_none(good: bytes, content: bytes) -> None:
    assert "bad_metadata" in defects(tar_of({**members(good), METS: content}))


def test_a_checksum_of_another_kind_and_another_id(good: bytes) -> None:
    files = members(good)
    assert "bad_metadata" in defects(tar_of({**files, METS: files[METS].replace(b"SHA-256", b"MD5")}))
    other = files[METS].replace(ID.encode(), b"uuid-019cadc6-9a80-7e40-9a35-f0ec7c361cc0")
    assert defects(tar_of({**files, METS: other})) == ["wrong_id"]


def test_everything_at_once(good: bytes) -> None:
    files = members(good)
    files[f"{ID}/{ACT_FILE}"] += b" "
    del files[f"{ID}/documentation/readme.txt"]
    files["../x"] = b""
    assert set(defects(tar_of(files))) == {
        "unsafe_path",
        "checksum_differs",
        "missing_file",
        "premis_differs",
    }


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"persons": []}, "bad_act"),
        ({"persons": ["nobody"]}, "bad_act"),
        ({"persons": [7]}, "bad_act"),
        ({"country": "XX"}, "bad_act"),
        ({"kind": "will"}, "bad_act"),
        ({"case": 7}, "bad_act"),
        ({"decision": "019cadc6-9a80-7e40-9a35-f0ec7c361cc9"}, "another_decision"),
    ],
)
def test_an_act_that_is_none(tmp_path: Path, changed: dict[str, Any], code: str) -> None:
    assert defects(package(tmp_path, act(**changed))) == [code]


def test_a_seal_of_something_else(tmp_path: Path) -> None:
    other = seal_statement(canonical_json(act(case="case-8")), sealer(tmp_path))
    assert defects(package(tmp_path, seal=other)) == ["bad_seal"]
    assert defects(package(tmp_path, seal=b"{}")) == ["bad_seal"]


def test_another_bodys_package(tmp_path: Path) -> None:
    assert defects(package(tmp_path), sender="SILD/GOV/70000004/social") == [
        "not_the_senders",
        "not_the_senders",
    ]
    foreign = seal_statement(canonical_json(act()), sealer(tmp_path, "SILD/GOV/70000004"))
    assert defects(package(tmp_path, seal=foreign)) == ["not_the_senders"]


def test_evidence_that_is_broken(tmp_path: Path) -> None:
    found = defects(package(tmp_path, decision=b'{"record":{}}\n'))
    assert "bad_decision" in found or "another_decision" in found


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(BadPackage):
        judge_package(content, sender=f"{SENDER}/population", at=AT)


@pytest.mark.parametrize(
    "content", [b"[" * 200_000, b'{"a":' * 200_000, b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}']
)
def test_json_that_has_no_one_form(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PeerError) as refused:
        parse_statement(content)
    assert refused.value.code == "not_a_statement"
    assert defects(package(tmp_path, seal=content)) == ["bad_seal"]
