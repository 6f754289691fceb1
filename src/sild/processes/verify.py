"""`sild verify`: is this evidence good, whose is it, and since when?

Judges ASiC-E containers, message-log archives and recorded transport messages against a global configuration, needing
nothing of the server that made them (docs/verify.md). Exit status 0 valid, 1 invalid, 2 cannot tell.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from sild.clock import parse_xml_datetime, xml_datetime
from sild.configuration_client import ConfigurationClient, load_globalconf
from sild.errors import PeerError, PlatformError, Unavailable
from sild.pki import parse_timestamp_token
from sild.processes.verify_archive import JudgeContainer, judge_archive
from sild.processes.verify_chain import judge_directory
from sild.processes.verify_openpgp import TooLarge, is_encrypted, open_encrypted
from sild.processes.verify_report import Judgement, Verdict, as_json, as_text, next_step_of
from sild.signatures import (
    Signature,
    parse_signature,
    read_asice,
    read_signed_document,
    verify_signed_document,
)
from sild.xroad.evidence import EvidenceReport, verify_container, verify_transport_message
from sild.xroad.faults import PeerFault
from sild.xroad.globalconf import GlobalConf, parse_anchor
from sild.xroad.recorded import is_recorded_message
from sild.xroad.verification import CertificateVerifier

__all__ = ["command", "judge"]

EXIT_STATUS = {Verdict.VALID: 0, Verdict.INVALID: 1, Verdict.CANNOT_TELL: 2}
MAX_OUTPUT_MIB = 4096  # an archive is of 32 MiB and the message that is the last of it
MAX_CONFIGURATION_BYTES = 512 * 1024 * 1024

# A recorded message is judged as of now unless told otherwise. These refusals may only mean that now is too late.
_MAY_BE_TOO_LATE = frozenset(
    {
        "signature_verification.invalid_cert_path.incorrect_validation_info",
        "signature_verification.invalid_cert_path.cert_validation",
        "signature_verification.cannot_create_cert_path.internal_error",
    }
)


def _read_time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        return parse_xml_datetime(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time; write 2026-11-22T12:02:30Z") from None


@click.command(name="verify")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--conf",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Global configuration: an unpacked directory, the ZIP of /verificationconf, or an anchor (downloads).",
)
@click.option(
    "--at",
    metavar="TIME",
    callback=_read_time,
    help="Judge as of this time (UTC unless it says otherwise), not the time-stamp's or the present.",
)
@click.option(
    "--gpg-home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="GnuPG's home directory for encrypted archives: the recipient's secret key and the server's public one.",
)
@click.option(
    "--max-output",
    type=click.IntRange(min=1),
    default=MAX_OUTPUT_MIB,
    show_default=True,
    help="MiB of disk that decrypting one archive may take.",
)
@click.option("--json", "wants_json", is_flag=True, help="One JSON object instead of the report for people.")
def command(
    file: Path, conf: Path, at: datetime | None, gpg_home: Path | None, max_output: int, wants_json: bool
) -> int:
    """Judge FILE: an evidence container or what a person signed (.asice), a message-log archive (.zip, .zip.gpg), a directory of archives, or a
    recorded transport message.

    Exit status 0 valid, 1 invalid, 2 cannot tell.
    """
    try:
        globalconf, now = load_configuration(conf), datetime.now(UTC)
        encryption = Decryption(gpg_home, max_output << 20)
        judgement = judge(file, globalconf, at=at, now=now, decryption=encryption)
    except PlatformError as error:
        judgement = Judgement(
            str(file),
            "unknown",
            Verdict.CANNOT_TELL,
            fault_code=error.code_path,
            message=f"no global configuration at {conf}: {error.message}",
            next_step="Give a readable global configuration: the unpacked directory, its ZIP, or an anchor.",
        )
    click.echo(
        json.dumps(as_json(judgement), indent=1, ensure_ascii=False) if wants_json else as_text(judgement)
    )
    return EXIT_STATUS[judgement.verdict]


# --- the configuration ----------------------------------------------------------------------------------------------


def load_configuration(path: Path) -> GlobalConf:
    """From an unpacked directory, a ZIP of one, or an anchor's source. Raises PlatformError."""
    if path.is_dir():
        return load_globalconf(_configuration_root(path))
    with tempfile.TemporaryDirectory(prefix="sild-verify-") as temporary:
        directory = Path(temporary)
        if zipfile.is_zipfile(path):
            _unpack(path, directory)
            return load_globalconf(_configuration_root(directory))
        anchor = parse_anchor(path.read_bytes())
        client = ConfigurationClient(anchor, directory / "globalconf", allowed_federations="all")
        return asyncio.run(client.refresh())


def _configuration_root(directory: Path) -> Path:
    """The directory with `instance-identifier`; /verificationconf answers wrap it in one more."""
    inner = directory / "verificationconf"
    return inner if not (directory / "instance-identifier").exists() and inner.is_dir() else directory


def _unpack(path: Path, directory: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_CONFIGURATION_BYTES:
                raise PeerError("the configuration is too large", code="malformed_global_conf")
            archive.extractall(directory)  # zipfile keeps names inside the directory
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise PeerError(
            f"the ZIP of the configuration is damaged: {error}", code="malformed_global_conf"
        ) from error


# --- judging ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decryption:
    """home: GnuPG's directory, None: the user's own.  max_output: bytes of one archive."""

    home: Path | None = None
    max_output: int = MAX_OUTPUT_MIB << 20


def judge(
    path: Path,
    globalconf: GlobalConf,
    *,
    at: datetime | None,
    now: datetime,
    decryption: Decryption = Decryption(),
) -> Judgement:
    """Judge one file, or all archives of a directory. Raises nothing but what the operating system raises while reading."""
    verifier = CertificateVerifier()
    if path.is_dir():
        return judge_directory(
            path, lambda file: judge(file, globalconf, at=at, now=now, decryption=decryption)
        )

    def of_archive(name: str, container: BinaryIO) -> Judgement:
        return judge_container(name, container, globalconf, at, verifier)

    if is_encrypted(path):
        return _judge_encrypted(path, decryption, of_archive)
    with path.open("rb") as file:
        start = file.read(8192)
        file.seek(0)
        if is_recorded_message(start):
            return _judge_recorded(str(path), file, globalconf, at, now, verifier)
        if not zipfile.is_zipfile(file) and path.suffix.lower() != ".asice":
            return Judgement(
                file=str(path),
                type="unknown",
                verdict=Verdict.CANNOT_TELL,
                message="neither a ZIP file (container or archive) nor a recorded HTTP message",
                next_step="Give an .asice container, a message-log archive or an HTTP head and body as recorded.",
            )
        file.seek(0)
        if _is_archive(file):
            return judge_archive(str(path), file, of_archive)
        file.seek(0)
        return judge_container(str(path), file, globalconf, at, verifier)


def _judge_encrypted(path: Path, decryption: Decryption, judge_container: JudgeContainer) -> Judgement:
    try:
        with open_encrypted(path, decryption.home, decryption.max_output) as opened:
            judgement = judge_archive(str(path), opened.file, judge_container)
            judgement.facts["openpgp_signer"] = opened.signer
            return judgement
    except PlatformError as error:
        judgement = Judgement(str(path), "archive", Verdict.INVALID, error.code_path, error.message)
        judgement.next_step = next_step_of(error.code_path)
        if isinstance(error, Unavailable):
            judgement.verdict = Verdict.CANNOT_TELL
            judgement.next_step = (
                "If it is as large as that, give a higher --max-output and the disk for it."
                if isinstance(error, TooLarge)
                else "Give --gpg-home with the secret key it is for and the public key of the server."
            )
        return judgement


def _is_archive(file: BinaryIO) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return "linkinginfo" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def judge_container(
    name: str, file: BinaryIO, globalconf: GlobalConf, at: datetime | None, verifier: CertificateVerifier
) -> Judgement:
    """Judge one container; a missing time-stamp or an unknown instance leaves the question open."""
    if _is_signed_document(file):
        return judge_document(name, file, globalconf, at)
    report = EvidenceReport()
    try:
        verify_container(read_asice(file), globalconf, at=at, verifier=verifier, report=report)
    except PlatformError as error:
        judgement = _refused(name, "container", error, report, globalconf)
        if error.code == "asic_timestamp_not_found":
            judgement.verdict = Verdict.CANNOT_TELL
            judgement.next_step = "Fetch it again once it has been time-stamped, or give --at TIME."
        return judgement
    at_source = "--at" if at is not None else "time-stamp"
    return Judgement(name, "container", Verdict.VALID, report=report, at_source=at_source)


def judge_document(name: str, file: BinaryIO, globalconf: GlobalConf, at: datetime | None) -> Judgement:
    """Judge what a person signed, by the authorities of the configuration, at its time-stamp."""
    container = file.read()
    when = at or datetime.now(UTC)
    named = (*globalconf.all_ca_certificates(when), *globalconf.tsa_certificates(when))
    report = EvidenceReport()
    try:
        report.signature = parse_signature(read_signed_document(container).signature)
        found = verify_signed_document(container, named=named)
    except PlatformError as error:
        return _refused(name, "document", error, report, globalconf)
    report.at = found.signed_at
    assert report.signature.timestamp is not None
    report.timestamp = parse_timestamp_token(report.signature.timestamp)
    facts: dict[str, str | None] = {"person": found.person, "document": found.name}
    return Judgement(name, "document", Verdict.VALID, report=report, at_source="time-stamp", facts=facts)


def _is_signed_document(file: BinaryIO) -> bool:
    """A document with a person's signature, and no message."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        names = set()
    file.seek(0)
    return "META-INF/signatures0.xml" in names and "message.xml" not in names


def _judge_recorded(
    name: str,
    file: BinaryIO,
    globalconf: GlobalConf,
    at: datetime | None,
    now: datetime,
    verifier: CertificateVerifier,
) -> Judgement:
    report = EvidenceReport()
    try:
        verify_transport_message(_pieces(file), globalconf, at=at or now, verifier=verifier, report=report)
    except PeerFault as error:
        return Judgement(
            name,
            "recorded-message",
            Verdict.CANNOT_TELL,
            fault_code=error.code,
            message=error.message,
            report=report,
            next_step="A fault is not signed: look for its detail in the logs of both security servers.",
        )
    except PlatformError as error:
        if at is None and error.code_path in _MAY_BE_TOO_LATE and report.signature is not None:
            return _judge_as_claimed(name, file, error, report.signature, globalconf, verifier)
        return _refused(name, "recorded-message", error, report, globalconf)
    at_source = "--at" if at is not None else "present"
    return Judgement(name, "recorded-message", Verdict.VALID, report=report, at_source=at_source)


def _judge_as_claimed(
    name: str,
    file: BinaryIO,
    error: PlatformError,
    signature: Signature,
    globalconf: GlobalConf,
    verifier: CertificateVerifier,
) -> Judgement:
    """Refused as of now (`error`). If it was good when it claims to have been signed, only a trusted time is missing."""
    report = EvidenceReport()
    if signature.signing_time is None:
        return _refused(name, "recorded-message", error, report, globalconf)
    file.seek(0)
    try:
        verify_transport_message(
            _pieces(file), globalconf, at=signature.signing_time, verifier=verifier, report=report
        )
    except PlatformError as then:
        return _refused(name, "recorded-message", then, report, globalconf)
    claimed = xml_datetime(signature.signing_time)
    report.remarks.append("a recording has no time-stamp: that it was sent when it says is only its own word")
    return Judgement(
        name,
        "recorded-message",
        Verdict.CANNOT_TELL,
        fault_code=error.code_path,
        message=f"good when it says it was signed ({claimed}), no longer provable now: {error.message}",
        report=report,
        at_source="its own claim",
        next_step=f"If you know when it was sent, say so: --at {claimed}",
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(64 * 1024):
        yield piece


def _refused(
    name: str, kind: str, error: PlatformError, report: EvidenceReport, globalconf: GlobalConf
) -> Judgement:
    """A refusal is a verdict, unless the configuration does not know the signer's instance at all."""
    verdict, next_step = Verdict.INVALID, next_step_of(error.code_path)
    if isinstance(error, Unavailable):
        verdict = Verdict.CANNOT_TELL
    if report.signer is not None and globalconf.expires_at(report.signer.instance_identifier) is None:
        verdict = Verdict.CANNOT_TELL
        next_step = f"Give the global configuration of instance {report.signer.instance_identifier}."
    return Judgement(
        name,
        kind,
        verdict,
        fault_code=error.code_path,
        message=error.message,
        report=report,
        next_step=next_step,
    )
