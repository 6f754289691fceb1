"""`sild archive`: what an archivist does at the machine: list what was taken, take a package out, check it without anybody, dispose
of what its time is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from cryptography import x509

from sild.decisions import verify_bundle
from sild.documents import (
    ACT_FILE,
    DECISION_FILE,
    SEAL_FILE,
    BadPackage,
    parse_statement,
    read_package,
    verify_statement,
)
from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.pki import Certificate, der
from sild.processes.registry import RegistrySettings
from sild.processes.sealing import certify_by, time_stamp_words
from sild.registries import ArchiveRegister, ArchiveShelf
from sild.registries.archive.disposal import Disposal, Expired
from sild.registries.archive.register import Kept
from sild.registries.kernel import Defects
from sild.settings import read_settings

__all__ = ["command"]

HOLDS, BROKEN, CANNOT_TELL = "holds", "broken", "cannot tell"
STATUS = {HOLDS: 0, BROKEN: 1, CANNOT_TELL: 2}
_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_where = (
    click.option(
        "--directory", required=True, type=_DIRECTORY, help="Of the archive, as `sild registry` has it."
    ),
    click.option("--database", help="SQLAlchemy URL; without it the file in the directory."),
    click.option("--json", "as_json", is_flag=True, help="One JSON object a line."),
)


@click.group("archive")
def command() -> None:
    """The archive's packages: listed, taken out, checked."""


@command.command("list")
@_where[0]
@_where[1]
@_where[2]
def list_packages(directory: Path, database: str | None, as_json: bool) -> None:
    """What was taken, the oldest first, and until when it is kept."""
    with _Opened(directory, database) as archive:
        for kept in archive.all():
            _say(_told(kept), as_json)


@command.command("export")
@click.argument("package")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@_where[0]
@_where[1]
def export(package: str, output: Path, directory: Path, database: str | None) -> None:
    """PACKAGE as it was handed in, to the file OUTPUT."""
    with _Opened(directory, database) as archive:
        found = next((kept for kept in archive.all() if kept.id == package), None)
        if found is None:
            raise click.ClickException(f"no package {package}")
        output.write_bytes(archive.content(found.sha256))


@command.command("expired")
@_where[0]
@_where[1]
@_where[2]
def expired(directory: Path, database: str | None, as_json: bool) -> None:
    """What its time is over by the country's law: for the archivist, who decides. The ids alone make the list `dispose` takes."""
    with _Opened(directory, database) as archive:
        for one in archive.disposals.expired():
            _say(_over(one), as_json)


@command.command("dispose")
@click.argument("packages", nargs=-1)
@click.option(
    "--config", required=True, type=_FILE, help="Settings of the register (TOML), kind `archive`: its seal."
)
@click.option("--list", "listed", type=_FILE, help="A file with an id a line, or lines of `expired --json`.")
@click.option("--by", required=True, help="The archivist, with the country: EE38001085718.")
@click.option("--order", required=True, help="Number of the order by which it may be done.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def dispose(
    packages: tuple[str, ...], config: Path, listed: Path | None, by: str, order: str, as_json: bool
) -> None:
    """Dispose of PACKAGES whose time is over: a sealed act for each legal ground, then the content is gone. All of them or none.

    Receipt, seal and hash stay, and the people concerned find it in their tracker.
    """
    settings = read_settings(RegistrySettings, config)
    if settings.kind != "archive":
        raise click.ClickException(f"{config} is of a register of kind {settings.kind}, not of an archive")
    base = config.parent.resolve()
    certify = None if settings.seal is None else certify_by(settings.seal, base)
    archive = ArchiveRegister.open(
        base / settings.directory, settings.database, system=f"/{settings.system}", certify=certify
    )
    try:
        wanted = [*packages, *(_ids(listed.read_text()) if listed else ())]
        for made in archive.disposals.dispose(wanted, by=by, order=order):
            _say(_done(made), as_json)
    except Defects as refusal:
        wrong = ", ".join(f"{one.detail}: {one.code}" for one in refusal.defects)
        raise click.ClickException(f"nothing was disposed of: {wrong}") from refusal
    except PlatformError as error:
        raise click.ClickException(error.message) from error
    finally:
        archive.close()


@command.command("verify")
@click.argument("files", nargs=-1, type=_FILE)
@click.option("--directory", type=_DIRECTORY, help="Every package of this archive, its files hashed again.")
@_where[1]
@click.option("--trust", type=_FILE, help="Certificates (PEM) of authorities of seals and time-stamps.")
@_where[2]
def verify(
    files: tuple[Path, ...], directory: Path | None, database: str | None, trust: Path | None, as_json: bool
) -> None:
    """Judge packages: FILES (tar), or all of an archive. Exit status 0 all hold, 1 one does not, 2 cannot tell.

    Nobody is asked: structure and checksums, the act's seal, the evidence of its decision; of an archive the receipts it gave.
    """
    trusted = x509.load_pem_x509_certificates(trust.read_bytes()) if trust else []
    worst = 0
    for name, content, kept in _contents(files, directory, database):
        receipt, since = _receipt(kept, trusted) if kept is not None else ({"verdict": HOLDS}, None)
        if isinstance(content, Disposal):
            told = _gone(content, name, trusted)
        else:
            told = _judged(content, trusted, at=since or datetime.now(UTC))
        if STATUS[told["verdict"]] == 0 or receipt["verdict"] == BROKEN:
            told |= receipt
        else:
            told = receipt | told
        _say({"package": name, **told}, as_json)
        status = STATUS[told["verdict"]]
        worst = 1 if 1 in (worst, status) else max(worst, status)
    raise SystemExit(worst)


def _contents(
    files: tuple[Path, ...], directory: Path | None, database: str | None
) -> Iterator[tuple[str, bytes | Disposal | PlatformError, Kept | None]]:
    yield from ((file.name, file.read_bytes(), None) for file in files)
    if directory is None:
        return
    with _Opened(directory, database) as archive:
        for kept in archive.all():
            try:
                yield kept.id, archive.disposal(kept.id) or archive.content(kept.sha256), kept
            except Unavailable as damage:
                yield kept.id, damage, kept


def _judged(content: bytes | PlatformError, trusted: list[Certificate], *, at: datetime) -> dict[str, Any]:
    """at: when the act's seal was surely there, or now."""
    if isinstance(content, PlatformError):
        return {"verdict": BROKEN, "code": content.code}
    try:
        package = read_package(content)
    except BadPackage as error:
        wrong = [f"{one.code}: {one.path or one.detail}" for one in error.defects]
        return {"verdict": BROKEN, "code": error.code, "defects": wrong}
    told: dict[str, Any] = {"label": package.about.label, "submitter": package.about.submitter}
    body = "/".join(package.about.submitter.split("/")[:3])
    act, value = package.files.get(ACT_FILE, b""), package.files.get(SEAL_FILE, b"")
    try:
        seal = verify_statement(act, value, trusted, body=body, at=at)
    except PlatformError as error:
        return told | {"verdict": BROKEN, "code": error.code}
    told |= {"sealed_by": seal.authority, "seal_is_trusted": seal.trusted}
    findings = (
        verify_bundle(package.files[DECISION_FILE], map(der, trusted))
        if DECISION_FILE in package.files
        else []
    )
    told["decision"] = [f"{one.verdict}: {one.text}" for one in findings if one.verdict != "holds"] or "holds"
    if any(one.verdict == "broken" for one in findings):
        return told | {"verdict": BROKEN, "code": "bad_decision"}
    is_sure = seal.trusted and all(one.verdict == "holds" for one in findings)
    return told | {"verdict": HOLDS if is_sure else CANNOT_TELL}


def _gone(disposal: Disposal, package: str, trusted: list[Certificate]) -> dict[str, Any]:
    """The archive's own act, which names the package; that the content is gone is what it says."""
    act = disposal.act.encode()
    try:
        said = parse_statement(act)
        body = "/".join(str(said.get("archive")).split("/")[:3])
        seal = verify_statement(act, disposal.seal.encode(), trusted, body=body, at=datetime.now(UTC))
        if package not in [one.get("package") for one in said.get("packages", [])]:
            raise PeerError("an act about other packages", code="bad_disposal")
    except PlatformError as error:
        return {"verdict": BROKEN, "code": error.code}
    told = {"disposed_at": disposal.at.isoformat(), "disposal": disposal.id, "sealed_by": seal.authority,
            "disposal_time_stamp": time_stamp_words(seal)}  # fmt: skip
    return told | {"verdict": HOLDS if seal.trusted else CANNOT_TELL}


def _receipt(kept: Kept, trusted: list[Certificate]) -> tuple[dict[str, Any], datetime | None]:
    """Its verdict, and since when it proves that the package was there: its hash stands in what was time-stamped."""
    receipt = kept.receipt.encode()
    try:
        said = parse_statement(receipt)
        body = "/".join(str(said.get("archive")).split("/")[:3])
        seal = verify_statement(receipt, kept.seal.encode(), trusted, body=body, at=datetime.now(UTC))
        if (said.get("package"), said.get("sha256")) != (kept.id, kept.sha256):
            raise PeerError("a receipt of another package", code="bad_receipt")
    except PlatformError as error:
        return {"verdict": BROKEN, "code": error.code, "receipt": error.message}, None
    told = {"receipt_sealed_by": seal.authority, "receipt_time_stamp": time_stamp_words(seal)}
    since = seal.stamped_at if seal.trusted and seal.stamp_is_trusted else None
    return {"verdict": HOLDS if seal.trusted else CANNOT_TELL, **told}, since


class _Opened:
    """The archive's own database and files, beside the register that may run."""

    def __init__(self, directory: Path, database: str | None) -> None:
        if database is None and not (directory / "archive.db").exists():
            raise click.ClickException(f"{directory} is no archive's directory")
        self._archive = ArchiveShelf.open_beside(directory, database)

    def __enter__(self) -> ArchiveShelf:
        return self._archive

    def __exit__(self, *_raised: object) -> None:
        self._archive.close()


def _ids(text: str) -> Iterator[str]:
    """Raises CallerError (`bad_list`)."""
    for line in filter(None, map(str.strip, text.splitlines())):
        try:
            yield str(json.loads(line)["package"]) if line.startswith("{") else line
        except (ValueError, KeyError) as error:
            raise CallerError("not a list of packages", code="bad_list") from error


def _over(one: Expired) -> dict[str, Any]:
    return {
        "package": one.id,
        "kind": one.kind,
        "submitter": one.submitter,
        "received_at": one.received_at.isoformat(),
        "keep_until": one.keep_until.isoformat(),
        "basis": one.basis,
    }


def _done(made: Disposal) -> dict[str, Any]:
    return {"disposal": made.id, "packages": len(made.packages), "disposed_at": made.at.isoformat()}


def _told(kept: Kept) -> dict[str, Any]:
    return {
        "package": kept.id,
        "kind": kept.kind,
        "label": kept.label,
        "submitter": kept.submitter,
        "received_at": kept.received_at.isoformat(),
        "stamped_at": kept.stamped_at.isoformat() if kept.stamped_at else "not time-stamped",
        "keep_until": kept.keep_until.isoformat() if kept.keep_until else "for ever",
        "size": kept.size,
        "sha256": kept.sha256,
    }


def _say(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo("  ".join(f"{name}: {value}" for name, value in told.items()))
