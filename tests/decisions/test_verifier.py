"""The stand-alone verifier: what a decision's bundle claims, checked by the standard library alone."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sild.database import open_database, sqlite_url
from sild.decisions import (
    DECISION_MIGRATIONS,
    BodyKeys,
    Checkpointer,
    DecisionStore,
    KeySealer,
    bundle_of,
    canonical_json,
    render_bundle,
)
from sild.decisions.bundle import _Head, _path, exported
from sild.decisions.checkpoints import signed_note
from sild.errors import CallerError, Unavailable
from sild.pki import CertificateProfile, PrivateKey, der, issue_certificate

from .world import AUTHORITY, LocalStamps, Root, SetClock, draft, load_verifier, name

verifier = load_verifier()
ORIGIN = f"{AUTHORITY}/social"


@dataclass
class Logged:
    """A case of three decisions among others, logged and time-stamped."""

    store: DecisionStore
    checkpointer: Checkpointer
    stamps: LocalStamps
    clock: SetClock
    root: Root
    ids: list[str]

    @property
    def trust(self) -> list[bytes]:
        return [der(self.root.certificate)]

    def bundle(self, number: int = 1, **options: Any) -> dict[str, Any]:
        with self.store.engine.connect() as connection:
            return bundle_of(self.store, connection, self.ids[number], **{"open_refs": None, **options})

    def faults(self, bundle: dict[str, Any] | bytes, head: str | None = None) -> list[str]:
        data = bundle if isinstance(bundle, bytes) else render_bundle(bundle)
        return [
            text for verdict, text in verifier.findings(data, self.trust, head) if verdict == verifier.BROKEN
        ]

    def unknown(self, bundle: dict[str, Any]) -> list[str]:
        found = verifier.findings(render_bundle(bundle), self.trust)
        return [text for verdict, text in found if verdict == verifier.UNKNOWN]


async def make_log(directory: Path, root_key: PrivateKey, tsa_key: PrivateKey) -> Logged:
    clock, root = SetClock(), Root(root_key)
    engine = open_database(sqlite_url(directory / "decisions.db"), DECISION_MIGRATIONS, durable=False)
    store = DecisionStore(engine, root.sealer(), BodyKeys(b"k" * 32), clock=clock)
    stamps = LocalStamps(root.time_stamper(tsa_key), clock)
    checkpointer = Checkpointer(store, stamps, origin=ORIGIN)
    ids = []
    for number in range(3):
        with engine.begin() as connection:
            ids.append(str(store.decide(connection, draft(store)).id))
            store.decide(connection, draft(store, case=f"other-{number}"))
        clock.forward(seconds=1)
    await checkpointer.tick()
    return Logged(store, checkpointer, stamps, clock, root, ids)


@pytest.fixture
async def logged(tmp_path: Path) -> Logged:
    return await make_log(
        tmp_path, ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    )


def test_a_bundle_holds(logged: Logged, tmp_path: Path) -> None:
    for number in range(3):
        assert list(logged.faults(logged.bundle(number))) == []
        assert logged.unknown(logged.bundle(number)) == []
    (tmp_path / "bundle.json").write_bytes(render_bundle(logged.bundle()))
    (tmp_path / "trust.pem").write_bytes(logged.root.certificate.public_bytes(Encoding.PEM))
    program = Path(__file__).parents[2] / "examples" / "verify_decision.py"
    command = [sys.executable, "-I", "-S", program, tmp_path / "bundle.json"]
    done = subprocess.run([*command, "--trust", tmp_path / "trust.pem"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All of it holds" in done.stdout
    without = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert without.returncode == 2
    assert json.loads(without.stdout)["exit"] == 2
    assert "of the body is on it" not in without.stdout, "anybody can issue a certificate in a body's name"


@pytest.mark.parametrize(
    ("root_key", "tsa_key"),
    [
        (lambda: rsa.generate_private_key(65537, 2048), lambda: rsa.generate_private_key(65537, 3072)),
        (lambda: ec.generate_private_key(ec.SECP384R1()), lambda: ec.generate_private_key(ec.SECP384R1())),
        (lambda: rsa.generate_private_key(65537, 4096), lambda: ec.generate_private_key(ec.SECP256R1())),
    ],
)
async def test_authorities_may_have_other_keys(
    root_key: Callable[[], PrivateKey], tsa_key: Callable[[], PrivateKey], tmp_path: Path
) -> None:
    logged = await make_log(tmp_path, root_key(), tsa_key())
    assert logged.faults(logged.bundle()) == []
    assert logged.unknown(logged.bundle()) == []


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def uncaught(logged: Logged, data: bytes, bits: list[int]) -> list[int]:
    found = []
    for bit in bits:
        verdicts = verifier.findings(flip(data, bit), logged.trust)
        if not any(verdict == verifier.BROKEN for verdict, _ in verdicts):
            found.append(bit)
    return found


def test_a_bit_changed_anywhere_is_caught(logged: Logged) -> None:
    data = render_bundle(logged.bundle())
    bits = random.Random(20260302).sample(range(8 * len(data)), 1_500)
    assert uncaught(logged, data, bits) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_every_bit_of_a_bundle_is_caught(tmp_path: Path) -> None:
    logged = await make_log(
        tmp_path, ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    )
    with logged.store.engine.begin() as connection:
        compact = draft(logged.store, case="c", **FULL)
        logged.ids.append(str(logged.store.decide(connection, compact).id))
    await logged.checkpointer.tick()
    data = render_bundle(logged.bundle(3))
    step = 1 if os.environ.get("SILD_BITS") == "every" else 4  # `make bits`; else each day another quarter
    bits = list(range(datetime.now(UTC).toordinal() % step, 8 * len(data), step))
    assert uncaught(logged, data, bits) == []


async def test_what_came_later_is_logged_and_caught_too(logged: Logged) -> None:
    logged.store.delivered(logged.ids[1], channel="portal", language="et", event="delivered")
    assert any("came later" in text for text in logged.unknown(logged.bundle()))
    await logged.checkpointer.tick()
    bundle = logged.bundle()
    assert logged.faults(bundle) == logged.unknown(bundle) == []
    bundle["entries"][0]["content"]["language"] = "en"
    assert any("not in the log" in text for text in logged.faults(bundle))


FULL: dict[str, Any] = {
    "competence": {"law": "PHS", "article": "§ 44", "delegation": "käskkiri 2026/12", "division": "0784", "valid_on": "2026-03-02"},
    "representation": {"mandate": "m-1", "chain_sha256": "c" * 64, "delegate": "p-1", "representee": "p-2",
                       "basis": "GUARDIAN", "proof": "token-1"},
    "inputs": [{"name": "families/f1/children", "type": "role", "value": ["child"], "register": "SILD/GOV/70000006/residence",
                "message_id": "SILD-3", "valid_at": "2026-03-02", "quality": "derived", "further_messages": [
                    {"register": "SILD/GOV/70000002/population", "message_id": "SILD-1", "fetched_at": "2026-03-02T08:00:00Z"}]}],
    "hearing": {"required": True, "answer_id": "contest-1", "heard_at": "2026-03-01T08:00:00Z", "how": "case"},
    "reasons": [],
    "remedy": {"body": {"en": "The ministry"}, "deadline": "2026-04-01", "form": "/contest", "suspends": False,
               "runs_from": "opened", "within": {"value": 30, "unit": "days", "basis": "HMS § 75", "calendar": "EE"},
               "costs": {"amount": "0", "currency": "EUR", "basis": "profile"}},
    "delivery": [{"channel": "portal", "language": "mul"}],
    "in_force": "2026-03-02",
    "trace": None,
}  # fmt: skip
"""Every field that records of earlier versions did not have, or left empty."""


async def test_the_fields_of_today_and_what_reached_whom_are_caught_in_every_part(logged: Logged) -> None:
    store = logged.store
    with store.engine.begin() as connection:
        made = store.decide(connection, draft(store, case="full", **FULL))
    logged.ids.append(str(made.id))
    mother = store.pseudonym("49001010005")
    for event in ("delivered", "opened"):
        assert store.delivered(made.id, channel="portal", language="et", event=event, to=mother)
        assert not store.delivered(made.id, channel="portal", language="vi", event=event, to=mother), "once"
    await logged.checkpointer.tick()
    bundle = logged.bundle(3)
    assert logged.faults(bundle) == logged.unknown(bundle) == []
    assert [one["content"]["to"] for one in bundle["entries"]] == [mother, mother]
    said = [text for _, text in verifier.findings(render_bundle(bundle), logged.trust)]
    assert any("a guardian" in text and "mandate m-1" in text for text in said)
    assert any("delivery opened" in text and f"to {mother[:10]}" in text for text in said)
    assert bundle["record"]["inputs"][0]["further_messages"][0]["message_id"] == "SILD-1"
    data = render_bundle(bundle)
    new = [
        data.index(one)
        for one in (
            b'"costs"',
            b'"within"',
            b'"heard_at"',
            b'"further_messages"',
            b'"to":',
            b'"delegate"',
            b'"proof"',
        )
    ]
    bits = [8 * (at + offset) + offset % 8 for at in new for offset in range(0, 120, 2)]
    assert uncaught(logged, data, bits) == []
    stranger = json.loads(data)
    stranger["entries"][0]["content"]["to"] = store.pseudonym("38001010009")
    assert any("not about" in text for text in logged.faults(stranger))
    with pytest.raises(CallerError):
        store.delivered(made.id, channel="portal", language="et", to=store.pseudonym("38001010009"))


def test_a_record_that_was_altered(logged: Logged) -> None:
    bundle = logged.bundle()
    bundle["record"]["outcome"]["items"][0]["value"] = "8000.00"
    assert any("altered" in text for text in logged.faults(bundle))
    body = {name: value for name, value in bundle["record"].items() if name != "integrity"}
    bundle["record"]["integrity"]["record_sha256"] = verifier.sha256(
        canonical_json(body)
    )  # and its hash with it
    assert any("leaf" in text for text in logged.faults(bundle))


def test_a_chain_out_of_order_or_with_a_gap(logged: Logged) -> None:
    bundle = logged.bundle(2)
    bundle["chain"].reverse()
    assert any("out of order" in text for text in logged.faults(bundle))
    bundle = logged.bundle(2)
    del bundle["chain"][0]
    assert any("missing" in text for text in logged.faults(bundle))
    bundle = logged.bundle(2)
    bundle["chain"][0]["record"] = "0" * 64
    assert any("chain of the case is broken" in text for text in logged.faults(bundle))


def test_a_case_that_goes_back_in_time(logged: Logged) -> None:
    earlier, link = logged.bundle(2)["chain"]
    earlier = {**earlier, "decided_at": "2030-01-01T00:00:00Z"}
    link = {**link, "previous": verifier.sha256(canonical_json(earlier))}
    with pytest.raises(verifier.Broken, match="back in time"):
        verifier.check_case(link, [earlier])


async def test_a_decision_later_than_its_time_stamp(logged: Logged) -> None:
    """The body's clock ran a day ahead, or somebody logged what is still to be decided."""
    ahead = logged.clock.at + timedelta(days=1)
    logged.clock.at, now = ahead, logged.clock.at
    with logged.store.engine.begin() as connection:
        logged.ids.append(str(logged.store.decide(connection, draft(logged.store, case="ahead")).id))
    logged.clock.at = now
    await logged.checkpointer.tick()
    assert any("clocks disagree" in text for text in logged.faults(logged.bundle(3)))


async def test_a_log_that_was_cut_off_or_written_anew(logged: Logged, tmp_path: Path) -> None:
    head = logged.bundle()["record"]["integrity"]["checkpoint"]
    size = int(head.split("\n")[1])
    with logged.store.engine.begin() as connection:
        logged.store.decide(connection, draft(logged.store, case="later"))
    assert logged.faults(logged.bundle(), head) == []  # the same head
    await logged.checkpointer.tick()
    grown = logged.bundle(since=size)
    newer = grown["record"]["integrity"]["checkpoint"]
    assert logged.faults(grown, head) == []
    assert any("shorter than the head" in text for text in logged.faults(shorter(logged, head), newer))
    grown["consistency"]["path"][0] = "0" * 64
    assert any("two histories" in text for text in logged.faults(grown, head))


def shorter(logged: Logged, note: str) -> dict[str, Any]:
    """The bundle as it was before the log grew."""
    bundle = logged.bundle()
    with logged.store.engine.connect() as connection:
        found = logged.store.find(connection, logged.ids[1])
        head = _Head(int(note.split("\n")[1]), note.encode(), None, found.sealer)
        bundle["record"] = exported(connection, found, head)
        bundle["inclusion"] = _path(connection, bundle["record"]["integrity"]["leaf"]["number"], head)
        bundle["first"] = None
    return bundle


async def test_two_heads_of_one_size(logged: Logged, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = await make_log(tmp_path / "other", logged.root.key, ec.generate_private_key(ec.SECP256R1()))
    head = other.bundle()["record"]["integrity"]["checkpoint"]
    assert any("two heads" in text for text in logged.faults(logged.bundle(), head))


def test_a_forged_checkpoint(logged: Logged) -> None:
    """Even if the forger had it time-stamped."""
    bundle = logged.bundle()
    note = bundle["record"]["integrity"]["checkpoint"]
    checkpoint = verifier.Checkpoint(note)
    by_another_key = signed_note(
        checkpoint.origin, checkpoint.size, checkpoint.root, logged.root.sealer()
    ).decode()
    with_another_signature = checkpoint.text + note.removeprefix(checkpoint.text).replace(
        base64.b64encode(checkpoint.signature).decode(),
        base64.b64encode(checkpoint.signature[:4] + logged.store.sealer.sign(b"something else")).decode(),
    )
    for forged, word in ((by_another_key, "another key"), (with_another_signature, "forged")):
        bundle["record"]["integrity"]["checkpoint"] = forged
        assert any("covers another checkpoint" in text for text in logged.faults(bundle))
        bundle["record"]["integrity"]["timestamp"] = base64.b64encode(
            logged.stamps.token(forged.encode())
        ).decode()
        assert any(word in text for text in logged.faults(bundle))
        bundle = logged.bundle()


def test_a_token_over_another_root(logged: Logged) -> None:
    bundle = logged.bundle()
    bundle["record"]["integrity"]["timestamp"] = base64.b64encode(
        logged.stamps.token(b"another head")
    ).decode()
    assert any("covers another checkpoint" in text for text in logged.faults(bundle))


async def test_a_key_that_is_not_of_the_body(tmp_path: Path) -> None:
    logged = await make_log(
        tmp_path, ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    )
    logged.store.sealer = logged.root.sealer("SILD/GOV/70000099")
    with logged.store.engine.begin() as connection:
        logged.ids.append(str(logged.store.decide(connection, draft(logged.store)).id))
    await logged.checkpointer.tick()
    assert any("not of the body" in text for text in logged.faults(logged.bundle(3)))


async def test_a_certificate_that_is_not_for_seals(logged: Logged) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = logged.root.issue(CertificateProfile.TLS, name("A server of the body", AUTHORITY), key)
    logged.store.sealer = KeySealer(key, [certificate, logged.root.certificate])
    with logged.store.engine.begin() as connection:
        logged.ids.append(str(logged.store.decide(connection, draft(logged.store)).id))
    await logged.checkpointer.tick()
    assert any("not for seals" in text for text in logged.faults(logged.bundle(3)))


async def test_a_body_is_no_certification_authority(logged: Logged) -> None:
    """A certificate that one body's seal has issued in the name of another."""
    mine = logged.root.sealer("SILD/GOV/70000099")
    key = ec.generate_private_key(ec.SECP256R1())
    forged = issue_certificate(
        CertificateProfile.SIGN,
        subject=name("Social Insurance Board", AUTHORITY),
        public_key=key.public_key(),
        issuer=mine.chain[0].subject,
        issuer_key=mine._key,
        issuer_public_key=mine._key.public_key(),
        serial_number=7,
        not_before=logged.clock.at - timedelta(days=1),
        not_after=logged.clock.at + timedelta(days=1),
    )
    logged.store.sealer = KeySealer(key, [forged, *mine.chain])
    with logged.store.engine.begin() as connection:
        logged.ids.append(str(logged.store.decide(connection, draft(logged.store)).id))
    await logged.checkpointer.tick()
    assert any("chain of the seal is broken" in text for text in logged.faults(logged.bundle(3)))


def test_an_authority_that_nobody_trusts(logged: Logged) -> None:
    found = list(verifier.findings(render_bundle(logged.bundle()), [der(Root().certificate)]))
    assert ("BROKEN", "the chain of the seal is broken") in found or any(
        "nobody you trust" in text for _, text in found
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"schema":"sild.bundle/1"}\n',
        b'{"schema":[]}\n',
        b"1e999\n",
        b"[" * 100_000,
    ],
)
def test_what_is_no_bundle_is_said_to_be_none(logged: Logged, content: bytes) -> None:
    assert len(logged.faults(content)) == 1


def places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return [path] + [place for step, one in inner for place in places(one, (*path, step))]


def test_any_part_replaced_by_anything_is_said_not_to_hold(logged: Logged) -> None:
    """Never a crash, and never `holds`."""
    chance = random.Random(8785)
    others = (
        None,
        True,
        0,
        -1,
        2**53 - 1,
        10**30,
        0.5,
        "",
        "x",
        "=",
        "\u0000",
        [],
        [[]],
        {},
        {"a": 1},
        ["x"] * 3,
    )
    whole = logged.bundle()
    for place in chance.sample(places(whole)[1:], 150):
        bundle = json.loads(json.dumps(whole))
        *above, last = place
        part = bundle
        for step in above:
            part = part[step]
        before = json.dumps(part[last])
        for other in chance.sample(others, 3):
            if json.dumps(other) == before:
                continue
            part[last] = other
            data = (
                json.dumps(bundle, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
            )
            unstamped = ("record", "integrity", "timestamp")  # then it cannot be told when it was logged
            optional = place in (("package",), ("consistency",), unstamped) or (
                place[0] == "values" and other == {}
            )
            assert logged.faults(data) or (optional and not other), (place, other)


def test_a_bundle_that_would_take_minutes_is_refused_at_once(logged: Logged) -> None:
    """A chain of RSA keys as large as numbers may be, and chains as long as a file may be: each costs a signature."""
    bits = 65_536
    key = rsa.RSAPublicNumbers((1 << bits - 1) - 1, (1 << bits - 1) + 1).public_key()
    with pytest.raises(verifier.Broken, match="unknown size"):
        verifier.public_key(
            verifier.only(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), 0x30)
        )
    bundle = logged.bundle()
    bundle["certificates"] = [bundle["certificates"][0]] * 2_000
    assert logged.faults(bundle) == ["more certificates than a chain has"]
    assert logged.faults(b" " * (verifier.MOST_BYTES + 1)) == ["longer than any decision"]


def test_an_authority_below_one_that_may_have_none_below(logged: Logged) -> None:
    """RFC 5280 4.2.1.9: pathLenConstraint 0."""
    leaf, root = logged.root.sealer().chain[0], logged.root.certificate
    above = verifier.Certificate(der(root))
    above.extensions[verifier.BASIC_CONSTRAINTS] = bytes.fromhex("30060101ff020100")
    assert above.is_authority and above.may_stand_above(0) and not above.may_stand_above(1)
    verifier.check_chain([verifier.Certificate(der(leaf))], [above], logged.clock.at, "the seal")


async def late(logged: Logged, days: int = 30) -> dict[str, Any]:
    """The bundle of a decision whose log has gone on since."""
    logged.clock.forward(days=days)
    with logged.store.engine.begin() as connection:
        logged.ids.append(str(logged.store.decide(connection, draft(logged.store, case="later")).id))
    await logged.checkpointer.tick()
    return logged.bundle()


async def test_a_bundle_taken_late_proves_since_when_it_was_logged(logged: Logged) -> None:
    first = logged.clock.at.replace(microsecond=123_000)  # a time-stamp has milliseconds
    newest = first + timedelta(days=30)
    bundle = await late(logged)
    found = list(verifier.findings(render_bundle(bundle), logged.trust))
    assert {verdict for verdict, _ in found} == {verifier.HOLDS}
    said = [text for _, text in found]
    assert f"time-stamped {first.isoformat()} by an authority you trust" in said
    assert f"still in the log {newest.isoformat()}, time-stamped by an authority you trust" in said
    assert not any("does not show" in text for text in said)
    without = {**bundle, "first": None}
    assert any(
        "this bundle does not show" in text
        for _, text in verifier.findings(render_bundle(without), logged.trust)
    )


async def test_a_head_without_a_time_stamp_is_not_the_first(logged: Logged) -> None:
    """The authority was down when the decision was logged: the first head that has a time-stamp counts."""
    logged.stamps.is_down = True
    with pytest.raises(Unavailable):
        await late(logged, days=1)
    logged.stamps.is_down = False
    logged.ids[1] = logged.ids[-1]
    await late(logged, days=5)
    assert logged.bundle()["first"] is None
    await late(logged, days=1)
    assert logged.bundle()["first"] is not None and logged.faults(logged.bundle()) == []


async def test_a_first_checkpoint_that_is_not_what_it_says(logged: Logged) -> None:
    bundle = await late(logged)
    note = bundle["first"]["checkpoint"]
    for changed, word in (
        ({"inclusion": bundle["first"]["inclusion"][1:]}, "too short"),
        ({"consistency": []}, "two histories"),
        ({"timestamp": bundle["record"]["integrity"]["timestamp"]}, "covers another checkpoint"),
        ({"checkpoint": note.replace("SILD/GOV/70000004/social", "SILD/GOV/70000004/other")}, "another log"),
        ({"certificates": bundle["certificates"]}, "certificates twice"),
        ({"certificates": []}, "or none"),
        ({"more": 1}, "other fields"),
    ):
        altered = {**bundle, "first": {**bundle["first"], **changed}}
        assert any(word in text for text in logged.faults(altered)), (word, logged.faults(altered))


async def test_the_first_time_stamp_is_not_later_than_a_newer_one(logged: Logged) -> None:
    logged.clock.forward(days=60)  # the authority's clock was ahead
    with logged.store.engine.begin() as connection:
        logged.store.decide(connection, draft(logged.store, case="later"))
    logged.stamps.clock = SetClock()
    logged.stamps.clock.at = logged.clock.at - timedelta(days=90)
    await logged.checkpointer.tick()
    assert any(
        "clocks disagree: the first checkpoint is time-stamped" in text
        for text in logged.faults(logged.bundle())
    )


async def test_a_new_key_breaks_no_bundle_old_or_new(logged: Logged) -> None:
    """Sealed under the old key, the log gone on under a new one, and under a third."""
    old = logged.bundle()
    for _ in range(2):
        logged.store.sealer = logged.root.sealer()
        bundle = await late(logged, days=1)
    assert bundle["log_certificates"] not in (None, bundle["certificates"])
    assert bundle["first"]["certificates"] is None
    newest = logged.bundle(-1)
    assert newest["log_certificates"] is None and newest["certificates"] == bundle["log_certificates"]
    assert logged.bundle(-2)["first"]["certificates"] is None, "logged under the key that sealed it"
    for one in (old, bundle, logged.bundle(-2), newest):
        assert logged.faults(one) == [] == logged.unknown(one)
    said = [text for _, text in verifier.findings(render_bundle(bundle), logged.trust)]
    assert (
        "the checkpoint is signed by another key certified for the same body by an authority you trust"
        in said
    )
    data = render_bundle(bundle)
    bits = random.Random(20260303).sample(range(8 * len(data)), 800)
    assert uncaught(logged, data, bits) == []


async def test_a_log_that_goes_on_under_another_bodys_key(logged: Logged) -> None:
    logged.store.sealer = logged.root.sealer("SILD/GOV/70000099")
    bundle = await late(logged, days=1)
    assert any("the checkpoint is not of the body" in text for text in logged.faults(bundle))
    bundle["log_certificates"] = None
    assert any("another key" in text for text in logged.faults(bundle))


async def test_a_seal_certified_by_an_authority_that_has_been_replaced(
    logged: Logged, tmp_path: Path
) -> None:
    """Old and new authority are given as two files of --trust."""
    successor = Root(common="Test root 2")
    logged.store.sealer = successor.sealer()
    bundle = await late(logged, days=1)
    (tmp_path / "bundle.json").write_bytes(render_bundle(bundle))
    trust = []
    for number, root in enumerate((logged.root, successor)):
        (tmp_path / f"{number}.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
        trust += ["--trust", tmp_path / f"{number}.pem"]
    program = Path(__file__).parents[2] / "examples" / "verify_decision.py"
    command = [sys.executable, "-I", "-S", program, tmp_path / "bundle.json"]
    assert subprocess.run([*command, *trust], capture_output=True).returncode == 0
    assert subprocess.run([*command, *trust[:2]], capture_output=True).returncode == 1
    (tmp_path / "1.pem").write_text("nothing")
    assert subprocess.run([*command, *trust], capture_output=True).returncode == 2


async def test_a_bundle_of_the_first_form_still_holds(logged: Logged) -> None:
    bundle = logged.bundle()
    older = {name: one for name, one in bundle.items() if name not in ("first", "log_certificates")}
    older["schema"] = "sild.bundle/1"
    assert logged.faults(older) == [] == logged.unknown(older)
    assert logged.faults({**bundle, "schema": "sild.bundle/1"}) == ["a bundle with other fields"]


async def test_what_happened_before_the_decision_it_is_about(logged: Logged) -> None:
    before = logged.clock.at - timedelta(days=2)
    logged.store.delivered(logged.ids[1], channel="portal", language="et", event="delivered", at=before)
    await logged.checkpointer.tick()
    assert any(
        "clocks disagree" in text and "delivery before that" in text
        for text in logged.faults(logged.bundle())
    )
