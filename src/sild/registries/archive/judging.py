"""What an archive asks of a package beyond its being whole: an act in its one form, sealed by the body that hands it in, and a
decision whose evidence does not contradict itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sild.decisions import verify_bundle
from sild.documents import (
    ACT_FILE,
    DECISION_FILE,
    SEAL_FILE,
    BadPackage,
    PackageDefect,
    ReadPackage,
    parse_statement,
    read_package,
    verify_statement,
)
from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import Certificate
from sild.registries.identity_codes import parse_identity_code

__all__ = ["JudgedPackage", "judge_package"]

COUNTRIES = ("EE", "VN")
MAX_PERSONS = 20


@dataclass(frozen=True, slots=True)
class JudgedPackage:
    """persons: identity codes of those the act is about.  case: of the act."""

    package: ReadPackage
    act: Mapping[str, Any]
    country: str
    persons: tuple[str, ...]
    case: str | None


def judge_package(
    content: bytes, *, sender: str, at: datetime, authorities: Sequence[Certificate] = ()
) -> JudgedPackage:
    """sender: the information system that hands it in, `INSTANCE/CLASS/CODE/SUBSYSTEM`.  authorities: that certify bodies' seals; when
    there are any, a seal that leads to none of them is a bad one (`sild.pki.verify_seal`).

    Raises BadPackage with every defect: those of `read_package`, and `no_act`, `bad_act`, `bad_seal`, `not_the_senders`,
    `bad_decision`, `another_decision`.
    """
    package = read_package(content)
    member = "/".join(sender.split("/")[:3])
    defects = list(_authorship(package, member, authorities, at))
    act: Mapping[str, Any] = {}
    try:
        act = parse_statement(package.files.get(ACT_FILE, b""))
        country, persons, case = _read(act, package)
    except PlatformError as error:
        code = "bad_act" if ACT_FILE in package.files else "no_act"
        defects.append(PackageDefect(code, error.message, ACT_FILE))
        country, persons, case = "", (), None
    defects += _decision(package, act)
    if defects:
        raise BadPackage(defects)
    return JudgedPackage(package, act, country, persons, case)


def _read(act: Mapping[str, Any], package: ReadPackage) -> tuple[str, tuple[str, ...], str | None]:
    """Raises PeerError, CallerError: not an act we can keep."""
    country, persons, case = act.get("country"), act.get("persons"), act.get("case")
    if act.get("kind") != package.about.kind or country not in COUNTRIES:
        raise PeerError("of another kind than METS says, or of no country we keep acts of", code="bad_act")
    if not isinstance(persons, list) or not 0 < len(persons) <= MAX_PERSONS:
        raise PeerError("an act is about somebody", code="bad_act")
    if not (case is None or isinstance(case, str)) or not all(isinstance(one, str) for one in persons):
        raise PeerError("not as an act is written", code="bad_act")
    for one in persons:
        parse_identity_code(one)
    return str(country), tuple(persons), case


def _authorship(
    package: ReadPackage, member: str, authorities: Sequence[Certificate], at: datetime
) -> Iterator[PackageDefect]:
    if package.about.submitter != member:
        yield PackageDefect("not_the_senders", "METS names another submitter than the sender")
    act, value = package.files.get(ACT_FILE, b""), package.files.get(SEAL_FILE, b"")
    try:
        seal = verify_statement(act, value, authorities, body=member, at=at)
        if authorities and not seal.trusted:
            raise TrustError("its certificate has ended", code="bad_seal")
    except PlatformError as error:
        code = "not_the_senders" if error.code == "another_body" else "bad_seal"
        yield PackageDefect(code, error.message, SEAL_FILE)


def _decision(package: ReadPackage, act: Mapping[str, Any]) -> Iterator[PackageDefect]:
    """An act that names a decision brings its evidence; nothing in it is broken. What it cannot tell is for those who read it."""
    wanted, bundle = act.get("decision"), package.files.get(DECISION_FILE)
    if bundle is None:
        if wanted is not None:
            yield PackageDefect(
                "another_decision", "the act names a decision, and its evidence is missing", DECISION_FILE
            )
        return
    for finding in verify_bundle(bundle):
        if finding.verdict == "broken":
            yield PackageDefect("bad_decision", finding.text[:300], DECISION_FILE)
    try:
        record = parse_statement(bundle.removesuffix(b"\n")).get("record")
        found = record.get("id") if isinstance(record, dict) else None
    except PeerError:
        found = None
    if found != wanted:
        yield PackageDefect(
            "another_decision", "the evidence is of another decision than the act", DECISION_FILE
        )
