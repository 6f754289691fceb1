"""What `sild verify` says: one object, written for programs (JSON) or for people (lines)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from cryptography.x509 import Name
from cryptography.x509.oid import NameOID

from sild.clock import xml_datetime
from sild.errors import PeerError
from sild.pki import Certificate, certificate_hash, parse_ocsp_response
from sild.xroad.evidence import EvidenceReport

__all__ = ["Judgement", "Verdict", "as_json", "as_text", "next_step_of"]

Plain = str | int | bool | None | list["Plain"] | dict[str, "Plain"]


class Verdict(Enum):
    VALID = "valid"
    INVALID = "invalid"
    CANNOT_TELL = "cannot_tell"


@dataclass(slots=True)
class Judgement:
    """type: `container`, `document` (what a person signed), `recorded-message`, `archive`, `archives` or `unknown`.
    parts: of an archive or archives.  facts: more about them.

    at_source: where the time of judging came from.
    """

    file: str
    type: str
    verdict: Verdict
    fault_code: str | None = None
    message: str | None = None
    report: EvidenceReport = field(default_factory=EvidenceReport)
    at_source: str | None = None
    next_step: str | None = None
    parts: list[Judgement] = field(default_factory=list)
    facts: dict[str, str | None] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


_NEXT_STEPS = {
    "invalid_signature_value": "The bytes are not those that were signed. Get the file again from whoever kept it.",
    "invalid_hash_chain_ref": "A part is not the one that was signed. Get the file again from whoever kept it.",
    "invalid_hash_chain": "A part is not the one that was signed. Get the file again from whoever kept it.",
    "hashchain_unused_inputs": "There is a part nobody signed. Get the file again from whoever kept it.",
    "invalid_reference": "A signed part is missing. Get the file again from whoever kept it.",
    "incorrect_certificate": "Someone else signed than the message names. Ask the named member.",
    "incorrect_validation_info": "The certificate's status was not known when judged. Check --at, and the configuration.",
    "cert_validation": "The certificate was revoked or its status unknown. Ask the named member.",
    "internal_error": "The signer's authority is not in this configuration. Give the configuration of that time.",
    "timestamp_validation": "The time-stamp is not by an approved authority. Give the configuration of that time.",
}


def next_step_of(code_path: str) -> str:
    """Advice by the cause, the last word of the path."""
    return _NEXT_STEPS.get(
        code_path.rpartition(".")[2],
        "Do not rely on it. docs/verify.md explains the codes and the order of checks.",
    )


# --- for programs -----------------------------------------------------------------------------------------------------


def as_json(judgement: Judgement) -> dict[str, Plain]:
    """Plain values; keys are only added, never renamed (docs/verify.md)."""
    report = judgement.report
    result: dict[str, Plain] = {
        "file": judgement.file,
        "type": judgement.type,
        "verdict": judgement.verdict.value,
        "fault_code": judgement.fault_code,
        "message": judgement.message,
        "signer": None if report.signer is None else str(report.signer),
        "message_kind": report.kind,
        "message_id": report.query_id,
        "client": None if report.client is None else str(report.client),
        "service": None if report.service is None else str(report.service),
        "certificate": _certificate(report),
        "times": _times(judgement),
        "references": [
            {
                "uri": reference.uri,
                "algorithm": reference.algorithm.http_name,
                "digest": reference.digest.hex(),
                "verified": reference.verified,
            }
            for reference in report.references
        ],
        "remarks": [*report.remarks, *judgement.remarks],
        "next_step": judgement.next_step,
    }
    if report.fault is not None:
        result["fault"] = {
            "code": report.fault.code,
            "message": report.fault.message,
            "detail": report.fault.detail,
        }
    if judgement.type == "document":
        result |= dict(judgement.facts)
    if judgement.type == "archive":
        result["linking"] = dict(judgement.facts)
        result["containers"] = [as_json(part) for part in judgement.parts]
    if judgement.type == "archives":
        result["chains"] = dict(judgement.facts)
        result["archives"] = [as_json(part) for part in judgement.parts]
    return result


def _certificate(report: EvidenceReport) -> Plain:
    """The signing certificate, believed or not: the verdict says which."""
    if report.signature is None:
        return None
    certificate = report.signature.signing_certificate
    return {
        "subject": _name(certificate.subject),
        "issuer": _name(certificate.issuer),
        "serial_number": str(certificate.serial_number),
        "not_before": _time(certificate.not_valid_before_utc),
        "not_after": _time(certificate.not_valid_after_utc),
        "sha256": certificate_hash(certificate).hex(),
    }


def _name(name: Name) -> str:
    """RFC 4514 with the words certificate profiles use, which it leaves as numbers."""
    return name.rfc4514_string(
        {NameOID.SERIAL_NUMBER: "serialNumber", NameOID.BUSINESS_CATEGORY: "businessCategory"}
    )


def _times(judgement: Judgement) -> dict[str, Plain]:
    report = judgement.report
    token, signature = report.timestamp, report.signature
    return {
        "judged_at": _time(report.at),
        "judged_at_source": judgement.at_source,
        "time_stamp": None if token is None else _time(token.gen_time),
        "signing_time": None if signature is None else _time(signature.signing_time),
        "ocsp_produced_at": _time(_ocsp_produced_at(report)),
    }


def _ocsp_produced_at(report: EvidenceReport) -> datetime | None:
    if report.signature is None or not report.signature.ocsp_responses:
        return None
    try:
        return parse_ocsp_response(report.signature.ocsp_responses[0]).produced_at
    except PeerError:
        return None


def _time(at: datetime | None) -> str | None:
    return None if at is None else xml_datetime(at)


# --- for people ---------------------------------------------------------------------------------------------------------

_HEADLINES = {Verdict.VALID: "VALID", Verdict.INVALID: "INVALID", Verdict.CANNOT_TELL: "CANNOT TELL"}
_KINDS = {
    "rest-request": "REST request",
    "rest-response": "REST response",
    "soap-request": "SOAP request",
    "soap-response": "SOAP response",
}


def as_text(judgement: Judgement) -> str:
    """A few lines: verdict, why, what it is, what to do next."""
    lines = [f"{_HEADLINES[judgement.verdict]}  {judgement.file}"]
    lines += [f"  {name:<12} {value}" for name, value in _facts(judgement)]
    for part in judgement.parts:
        lines += ["", *("  " + line for line in as_text(part).splitlines())]
    return "\n".join(lines)


def _facts(judgement: Judgement) -> Iterator[tuple[str, str]]:
    report = judgement.report
    if judgement.fault_code is not None:
        yield "code", judgement.fault_code
    if judgement.message is not None:
        yield "because", judgement.message
    if report.kind is not None:
        yield "message", f"{_KINDS[report.kind]} {report.query_id}"
    if report.client is not None and report.service is not None:
        yield "from, to", f"{report.client} -> {report.service}"
    if report.signer is not None:
        yield ("signed by" if report.certificate else "should be by"), str(report.signer)
    if report.signature is not None:
        yield "certificate", _describe(report.signature.signing_certificate)
    if report.timestamp is not None:
        yield "time-stamp", _people(report.timestamp.gen_time)
    if report.at is not None and judgement.at_source not in (None, "time-stamp"):
        yield "judged as of", f"{_people(report.at)} ({judgement.at_source})"
    if report.references:
        yield (
            "signed parts",
            ", ".join(r.uri if r.verified else f"{r.uri} (not compared)" for r in report.references),
        )
    if report.fault is not None and report.fault.detail:
        yield "detail", report.fault.detail
    for remark in (*report.remarks, *judgement.remarks):
        yield "remark", remark
    for name, value in judgement.facts.items():
        yield name.replace("previous_", "before: ").replace("_", " "), value or "none"
    if judgement.next_step is not None:
        yield "next step", judgement.next_step


def _describe(certificate: Certificate) -> str:
    return f"{_name(certificate.subject)}, serial {certificate.serial_number}, by {_name(certificate.issuer)}"


def _people(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
