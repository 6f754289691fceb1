"""Whose seal is believed: one table of attacks, and every door of the house says the same of each.

The doors are the rule itself, statements, papers, packages as the archive takes them and as the archivist checks them, and the
stand-alone verifier of decisions, which says the rule again with the standard library alone.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from sild.database import open_database, sqlite_url
from sild.decisions import (
    DECISION_MIGRATIONS,
    BodyKeys,
    Checkpointer,
    DecisionStore,
    bundle_of,
    render_bundle,
    verify_bundle,
)
from sild.documents import (
    canonical_json,
    card_pdf,
    seal_pdf,
    seal_statement,
    seal_value,
    stamped_seal,
    verify_sealed_pdf,
    verify_statement,
)
from sild.errors import PlatformError, TrustError
from sild.pki import (
    Certificate,
    DigestAlgorithm,
    PrivateKey,
    TimeStampAuthority,
    add_certificate_to_token,
    algorithm_for,
    der,
    sign_bytes,
    verify_seal,
)
from sild.processes.archive import _judged
from sild.registries.archive.judging import judge_package

from ..decisions.world import START, LocalStamps, Root, SetClock, draft
from ..registries.archive.parcels import act, package
from .papers import face, issued

BODY, OTHER = "SILD/GOV/70000002", "SILD/GOV/70000099"
LATER = START + timedelta(days=2)
STATEMENT = canonical_json(act())


# --- whatever certificate anybody may think of


@dataclass(frozen=True)
class Holder:
    """Of a key and its certificate, which certifies others whether it may or not."""

    key: PrivateKey
    certificate: Certificate

    def issue(self, **changed: Any) -> Holder:
        return certify(self, **changed)


def name(common: str, *bodies: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    return x509.Name(parts + [x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, body) for body in bodies])


def certify(
    issuer: Holder | None = None,
    *,
    subject: x509.Name | None = None,
    key: PrivateKey | None = None,
    usages: Sequence[str] | None = ("content_commitment",),
    ca: bool = False,
    path_length: int | None = None,
    begins: datetime = START - timedelta(days=100),
    ends: datetime = START + timedelta(days=1000),
    extensions: Sequence[x509.ExtensionType] = (),
) -> Holder:
    """usages: None: no such extension.  issuer: None: itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = subject or name("A body", BODY)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    )
    if usages is not None:
        names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
        more = ("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
        flags = {one: one in usages for one in (*names, *more)}
        builder = builder.add_extension(x509.KeyUsage(**flags), critical=True)
    for one in extensions:
        builder = builder.add_extension(one, critical=False)
    return Holder(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


CA = {"usages": ("key_cert_sign",), "ca": True}


def authority(issuer: Holder | None = None, common: str = "Authority of seals", **changed: Any) -> Holder:
    return certify(issuer, **{"subject": name(common), **CA, **changed})


ROOT, STRANGER = authority(), authority(common="Somebody else's authority")
NAMESAKE = authority()
"""Of the same name, with another key."""
STAMPING = Root(ec.generate_private_key(ec.SECP256R1()), "Authority of time-stamps")


@dataclass(frozen=True)
class Attack:
    """sealer: whose key seals.  above: what comes along.  named: by the verifier, who also names the authority of time-stamps."""

    sealer: Holder
    above: Sequence[Holder] = ()
    named: Sequence[Holder] = (ROOT,)
    verdict: str = "broken"
    swapped: bool = False

    @property
    def chain(self) -> list[Certificate]:
        return [self.sealer.certificate, *(one.certificate for one in self.above)]

    @property
    def trusted(self) -> list[Certificate]:
        return [one.certificate for one in self.named] + ([STAMPING.certificate] if self.named else [])

    def sign(self, data: bytes) -> bytes:
        data = data + b" " if self.swapped else data
        return sign_bytes(self.sealer.key, algorithm_for(self.sealer.key, DigestAlgorithm.SHA256), data)


def through(*between: dict[str, Any], **changed: Any) -> Attack:
    """Certificates between the root and the seal, the highest first."""
    above = [ROOT]
    for number, one in enumerate(between):
        above.insert(0, above[0].issue(**{"subject": name(f"Between {number}"), **CA, **one}))
    return Attack(above[0].issue(), above, **changed)


def of(holder: Holder, *above: Holder, **changed: Any) -> Attack:
    return Attack(holder, above, **changed)


NAMED_ITSELF, OWN = ROOT.issue(), certify()
OTHERS_SEAL = ROOT.issue(subject=name("Another body", OTHER))
OTHERS_OWN = certify(subject=name("Another body", OTHER))
ENDED = {"begins": START - timedelta(days=100), "ends": START - timedelta(seconds=60)}
SECOND = authority(common="Second authority")
SEALING_CA = authority(subject=name("An authority", BODY), usages=("key_cert_sign", "content_commitment"))
FOR_TIME = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
NARROWED = x509.NameConstraints([x509.DNSName("example.org")], None)
LEAF = {"usages": ("content_commitment",), "ca": False}
OLD_ROOT = authority(common="Old authority", **ENDED)
BETWEEN = authority(ROOT, "Between")
LOWEST = authority(BETWEEN, "Lowest")
CHILDLESS = authority(common="Childless", path_length=0)
BELOW_CHILDLESS = authority(CHILDLESS, "Below")
NARROW = authority(common="Narrow", extensions=[NARROWED])
OWN_ENDED = certify(**ENDED)

BELOW_OLD = authority(OLD_ROOT, "Below the old one")
TWO_NAMED = BETWEEN.issue()
ALTERED = Holder(
    ROOT.key,
    x509.load_der_x509_certificate(der(ROOT.certificate)[:-1] + bytes([der(ROOT.certificate)[-1] ^ 1])),
)
"""Its name and key are right, its signature is not."""

TABLE: dict[str, Attack] = {
    "as it should be": of(ROOT.issue(), ROOT, verdict="holds"),
    "without its authority": of(ROOT.issue(), verdict="holds"),
    "through an authority between": through({}, verdict="holds"),
    "through two, as many as there may be": through({"path_length": 1}, {}, verdict="holds"),
    "its own certificate is named": of(OWN, named=(OWN,), verdict="holds"),
    "its own certificate is named, its authority along": of(
        NAMED_ITSELF, ROOT, named=(NAMED_ITSELF,), verdict="holds"
    ),
    "several authorities are named": of(ROOT.issue(), ROOT, named=(STRANGER, ROOT, SECOND), verdict="holds"),
    "several of one name are named": of(ROOT.issue(), named=(NAMESAKE, ROOT), verdict="holds"),
    "the authority between is named": of(BETWEEN.issue(), BETWEEN, named=(BETWEEN,), verdict="holds"),
    "the authority between is named, the one above along": of(
        BETWEEN.issue(), BETWEEN, ROOT, named=(BETWEEN,), verdict="holds"
    ),
    "somebody else's certificate comes along": of(ROOT.issue(), ROOT, STRANGER),
    "its authority's new certificate, altered, comes along": of(ROOT.issue(), ALTERED),
    "the authority above the named one ended": of(BELOW_OLD.issue(), BELOW_OLD, OLD_ROOT, named=(BELOW_OLD,)),
    "itself and its authority are named, what is between comes along": of(
        TWO_NAMED, BETWEEN, named=(TWO_NAMED, ROOT), verdict="holds"
    ),
    "self-signed": of(certify()),
    "another authority": of(STRANGER.issue(), STRANGER),
    "another authority, not along": of(STRANGER.issue()),
    "another authority of the same name": of(NAMESAKE.issue(), NAMESAKE),
    "another authority of the same name, the named one along": of(NAMESAKE.issue(), ROOT),
    "several authorities are named, none of them its own": of(
        STRANGER.issue(), STRANGER, named=(ROOT, SECOND)
    ),
    "another body": of(OTHERS_SEAL, ROOT),
    "another body's own certificate is named": of(OTHERS_OWN, named=(OTHERS_OWN,)),
    "no body": of(ROOT.issue(subject=name("A body")), ROOT),
    "two bodies": of(ROOT.issue(subject=name("Two bodies", BODY, OTHER)), ROOT),
    "ended before it was sealed": of(ROOT.issue(**ENDED), ROOT),
    "ended before it was sealed, itself named": of(OWN_ENDED, named=(OWN_ENDED,)),
    "not valid yet": of(ROOT.issue(begins=START + timedelta(days=1)), ROOT),
    "the authority ended before": of(OLD_ROOT.issue(), OLD_ROOT, named=(OLD_ROOT,)),
    "the authority between ended before": through(ENDED),
    "not for seals": of(ROOT.issue(usages=("digital_signature",)), ROOT),
    "for nothing in particular": of(ROOT.issue(usages=None), ROOT),
    "for time-stamps": of(ROOT.issue(extensions=[FOR_TIME]), ROOT),
    "a key on another curve": of(ROOT.issue(key=ec.generate_private_key(ec.SECP384R1())), ROOT),
    "a key of another kind": of(ROOT.issue(key=rsa.generate_private_key(65537, 2048)), ROOT),
    "an authority seals": of(SEALING_CA, named=(SEALING_CA,)),
    "an authority below the named one seals": of(
        ROOT.issue(
            subject=name("An authority", BODY), usages=("key_cert_sign", "content_commitment"), ca=True
        ),
        ROOT,
    ),
    "certified by a body's seal": of(OTHERS_SEAL.issue(), OTHERS_SEAL, ROOT),
    "certified by a body's seal that is named": of(OTHERS_OWN.issue(), named=(OTHERS_OWN,)),
    "certified by a body's seal that is named, and along": of(
        OTHERS_OWN.issue(), OTHERS_OWN, named=(OTHERS_OWN,)
    ),
    "a chain of seals": through(LEAF, LEAF, LEAF),
    "an authority that may not certify": through({"usages": ("crl_sign",)}),
    "an authority below one that may have none below": through({"path_length": 0}, {}),
    "an authority with name constraints": through({"extensions": [NARROWED]}),
    "the named authority has name constraints": of(NARROW.issue(), NARROW, named=(NARROW,)),
    "the named authority may have none below": of(
        BELOW_CHILDLESS.issue(), BELOW_CHILDLESS, CHILDLESS, named=(CHILDLESS,)
    ),
    "a link of the chain is missing": of(LOWEST.issue(), BETWEEN, ROOT),
    "a signature of something else": of(ROOT.issue(), ROOT, swapped=True),
    "nobody is named": of(ROOT.issue(), ROOT, named=(), verdict="unknown"),
    "nobody is named, self-signed": of(certify(), named=(), verdict="unknown"),
    "nobody is named, another body": of(OTHERS_SEAL, ROOT, named=()),
    "nobody is named, not for seals": of(certify(usages=("digital_signature",)), named=()),
    "nobody is named, a broken chain": of(STRANGER.issue(), ROOT, named=()),
    "nobody is named, a signature of something else": of(certify(), named=(), swapped=True),
}


# --- the doors: each seals a thing of its own with the attacker's key, has it time-stamped, and judges it two days later


class Doors:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = SetClock()
        self.stamps = LocalStamps(STAMPING.time_stamper(ec.generate_private_key(ec.SECP256R1())), self.clock)
        self.paper = card_pdf(face(issued(directory).credential), "vi", at=START)
        self.engine = open_database(
            sqlite_url(directory / "decisions.db"), DECISION_MIGRATIONS, durable=False
        )

    def close(self) -> None:
        self.engine.dispose()

    def _sealed(self, attack: Attack) -> bytes:
        seal = seal_statement(STATEMENT, attack)
        return stamped_seal(seal, self.stamps.token(seal_value(seal)))

    def statement(self, attack: Attack) -> str:
        seal = self._sealed(attack)
        return said(lambda: verify_statement(STATEMENT, seal, attack.trusted, body=BODY, at=LATER).trusted)

    def document(self, attack: Attack) -> str:
        pdf = seal_pdf(self.paper, attack, self.stamps)
        return said(lambda: verify_sealed_pdf(pdf, attack.trusted, body=BODY, at=LATER).trusted)

    def the_rule(self, attack: Attack) -> str:
        """Of a signature that fits."""
        value = attack.sign(STATEMENT)
        token = self.stamps.token(value)
        judged = {"body": BODY, "at": LATER, "value": value, "time_stamp": token}
        return said(lambda: verify_seal(attack.chain, attack.trusted, **judged).trusted)

    def archive(self, attack: Attack) -> str:
        """Which takes a seal by its own word if it is certified by nobody itself."""
        content = package(self.directory, seal=self._sealed(attack), submitter=BODY)

        def judged() -> bool:
            judge_package(content, sender=f"{BODY}/population", at=LATER, authorities=attack.trusted)
            return bool(attack.named)

        return said(judged)

    def archivist(self, attack: Attack) -> str:
        content = package(self.directory, seal=self._sealed(attack), submitter=BODY)
        told = _judged(content, attack.trusted, at=LATER)
        return {"cannot tell": "unknown"}.get(told["verdict"], told["verdict"])

    def decision(self, attack: Attack) -> str:
        store = DecisionStore(self.engine, attack, BodyKeys(b"k" * 32), clock=self.clock)
        with self.engine.begin() as connection:
            record = store.decide(connection, draft(store, authority=BODY, case=f"c{id(attack)}"))
        asyncio.run(Checkpointer(store, self.stamps, origin=f"{BODY}/population").tick())
        with self.engine.connect() as connection:
            bundle = render_bundle(bundle_of(store, connection, str(record.id), open_refs=None))
        verdicts = {one.verdict for one in verify_bundle(bundle, map(der, attack.trusted))}
        return next((one for one in ("broken", "unknown") if one in verdicts), "holds")


def said(judge: Callable[[], bool]) -> str:
    try:
        return "holds" if judge() else "unknown"
    except PlatformError:
        return "broken"


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    doors = Doors(tmp_path_factory.mktemp("doors"))
    yield doors
    doors.close()


DOORS = ("the_rule", "statement", "document", "archive", "archivist", "decision")


@pytest.mark.parametrize("attack", TABLE)
def test_every_door_says_the_same(doors: Doors, attack: str) -> None:
    row = TABLE[attack]
    found = {door: getattr(doors, door)(row) for door in DOORS if not (row.swapped and door == "the_rule")}
    assert found == dict.fromkeys(found, row.verdict)


def test_an_authority_comes_along_twice(doors: Doors) -> None:
    """In a paper they are a set."""
    row = of(ROOT.issue(), ROOT, ROOT)
    assert {getattr(doors, door)(row) for door in DOORS if door != "document"} == {"broken"}


# --- time-stamps


def by(attack: Attack, stamper: LocalStamps | None = None) -> bytes:
    seal = seal_statement(STATEMENT, attack)
    return seal if stamper is None else stamped_seal(seal, stamper.token(seal_value(seal)))


def judge(seal: bytes, named: Sequence[Certificate], at: datetime) -> Any:
    return verify_statement(STATEMENT, seal, named, body=BODY, at=at)


def test_a_time_stamp_lets_a_seal_outlive_its_certificate(doors: Doors) -> None:
    right = TABLE["as it should be"]
    years = START + timedelta(days=4000)
    held = judge(by(right, doors.stamps), right.trusted, years)
    assert (held.trusted, held.stamp_is_trusted, held.stamped_at.date()) == (True, True, START.date())
    without = judge(by(right), right.trusted, years)
    assert (without.trusted, without.stamped_at) == (False, None), "nobody can tell whether it is older"
    strange = judge(by(right, doors.stamps), [ROOT.certificate], years)
    assert (strange.trusted, strange.stamp_is_trusted) == (False, False), "of nobody that was named"
    assert judge(by(right, doors.stamps), [ROOT.certificate], LATER).trusted


def test_a_time_stamp_of_another_seal(doors: Doors) -> None:
    right = TABLE["as it should be"]
    token = doors.stamps.token(b"another signature")
    with pytest.raises(TrustError, match="time-stamp"):
        judge(stamped_seal(by(right), token), right.trusted, LATER)
    with pytest.raises(TrustError, match="time-stamp"):
        judge(stamped_seal(by(right), b"nonsense"), right.trusted, LATER)


def test_a_body_stamps_nothing(doors: Doors) -> None:
    """By a key that the same authority certified for seals."""
    body = ROOT.issue()
    stamper = LocalStamps(TimeStampAuthority(body.certificate, body.key, "1.2.3.4"), doors.clock)
    with pytest.raises(TrustError, match="no time-stamping authority"):
        judge(by(TABLE["as it should be"], stamper), [ROOT.certificate, body.certificate], LATER)


def test_an_old_key_logs_nothing_new(doors: Doors) -> None:
    """A key whose certificate has ended seals into the past, and has the head of its log time-stamped today."""
    leaf = ROOT.issue(ends=START + timedelta(days=1))
    assert doors.decision(of(leaf, ROOT)) == "holds"
    doors.stamps.clock = SetClock()
    doors.stamps.clock.at = START + timedelta(days=30)
    assert doors.decision(of(leaf, ROOT)) == "broken"
    doors.stamps.clock = doors.clock


def test_a_paper_goes_out_while_no_authority_gives_a_time_stamp(doors: Doors) -> None:
    right, held = TABLE["as it should be"], []
    for is_down in (True, False):
        doors.stamps.is_down = is_down
        pdf = seal_pdf(doors.paper, right, doors.stamps)
        held.append(verify_sealed_pdf(pdf, right.trusted, body=BODY, at=LATER))
    assert [(one.trusted, one.stamp_is_trusted) for one in held] == [(True, False), (True, True)]
    assert held[0].stamped_at is None and held[1].stamped_at is not None
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    roots = [asn1_x509.Certificate.load(der(one)) for one in right.trusted]
    seen = validate_pdf_signature(signature, ValidationContext(trust_roots=roots, moment=LATER))
    stamp = seen.timestamp_validity  # what the library says by itself
    assert stamp.intact and stamp.valid and stamp.trusted and stamp.timestamp == held[1].stamped_at


# --- one spelling of each seal: what no signature covers must follow from what one covers


def flipped(data: bytes, bits: Iterable[int]) -> Iterator[bytes]:
    for bit in bits:
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def test_no_bit_of_a_stamped_seal_can_change(doors: Doors) -> None:
    right = TABLE["as it should be"]
    seal = by(right, doors.stamps)
    changes = flipped(seal, range(8 * len(seal)))
    assert said(lambda: judge(seal, right.trusted, LATER).trusted) == "holds"
    assert [one for one in changes if said(lambda: judge(one, right.trusted, LATER).trusted) == "holds"] == []  # noqa: B023


def test_no_bit_of_a_papers_seal_can_change(doors: Doors) -> None:
    """One of each octet of its envelope, some of certificates, time-stamp and the zeros behind them: reading a paper takes long."""
    right = TABLE["as it should be"]
    pdf = seal_pdf(doors.paper, right, doors.stamps)
    start = pdf.rindex(b"/Contents <") + 11
    end = pdf.index(b">", start)
    held = bytes.fromhex(pdf[start:end].decode())
    length = 4 + int.from_bytes(held[2:4])
    chance = random.Random(39)
    bits = [8 * at + chance.randrange(8) for at in range(60)]
    bits += [*chance.sample(range(8 * 60, 8 * length), 60), 8 * length, 8 * len(held) - 1]

    def verdict(text: bytes) -> str:
        whole = pdf[:start] + text + pdf[end:]
        return said(lambda: verify_sealed_pdf(whole, right.trusted, body=BODY, at=LATER).trusted)

    assert verdict(pdf[start:end]) == "holds"
    others = [pdf[start:end].lower(), pdf[start : end - 1] + b" ", pdf[start : end - 2] + b"\n0"]
    others += [one.hex().upper().encode() for one in flipped(held, bits)]
    assert [one for one in others if verdict(one) != "broken"] == []


def test_a_seal_has_its_members_and_no_others(doors: Doors) -> None:
    right = TABLE["as it should be"]
    seal = by(right, doors.stamps)
    members = json.loads(seal)
    (first, above), stamp = members["certificates"], base64.b64decode(members["timestamp"])
    stranger = base64.b64encode(der(STRANGER.certificate)).decode()
    pem = base64.b64encode(right.chain[1].public_bytes(Encoding.PEM)).decode()
    others = [{**members, "more": 1}, *({**members, name: None} for name in members)]
    others += [{name: one for name, one in members.items() if name not in (left_out, "timestamp")} for left_out in ("algorithm", "sha256", "value")]  # fmt: skip
    others += [
        {**members, "certificates": listed}
        for listed in ([first, above, above], [first, above, stranger], [first, first], [first, pem])
    ]
    others += [
        {**members, "timestamp": base64.b64encode(one).decode()}
        for one in (stamp + b"\0", add_certificate_to_token(stamp, STRANGER.certificate))
    ]
    spelled = [seal + b"\n", json.dumps(members).encode(), *map(canonical_json, others)]
    verdicts = [said(lambda: judge(one, right.trusted, LATER).trusted) for one in spelled]  # noqa: B023
    assert verdicts == ["broken"] * len(spelled)
