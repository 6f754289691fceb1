"""`sild archive`: what an archivist does at the machine: list what was taken, take a package out, check it without anybody."""

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
    read_package,
    verify_statement,
)
from sild.errors import PlatformError, Unavailable
from sild.pki import Certificate, der
from sild.registries import ArchiveShelf
from sild.registries.archive.register import Kept

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

    Nobody is asked: structure and checksums, the act's seal, the evidence of its decision.
    """
    trusted = x509.load_pem_x509_certificates(trust.read_bytes()) if trust else []
    worst = 0
    for name, content in _contents(files, directory, database):
        told = _judged(content, trusted)
        _say({"package": name, **told}, as_json)
        status = STATUS[told["verdict"]]
        worst = 1 if 1 in (worst, status) else max(worst, status)
    raise SystemExit(worst)


def _contents(
    files: tuple[Path, ...], directory: Path | None, database: str | None
) -> Iterator[tuple[str, bytes | PlatformError]]:
    yield from ((file.name, file.read_bytes()) for file in files)
    if directory is None:
        return
    with _Opened(directory, database) as archive:
        for kept in archive.all():
            try:
                yield kept.id, archive.content(kept.sha256)
            except Unavailable as damage:
                yield kept.id, damage


def _judged(content: bytes | PlatformError, trusted: list[Certificate]) -> dict[str, Any]:
    if isinstance(content, PlatformError):
        return {"verdict": BROKEN, "code": content.code}
    try:
        package = read_package(content)
    except BadPackage as error:
        wrong = [f"{one.code}: {one.path or one.detail}" for one in error.defects]
        return {"verdict": BROKEN, "code": error.code, "defects": wrong}
    told: dict[str, Any] = {"label": package.about.label, "submitter": package.about.submitter}
    try:
        seal = verify_statement(
            package.files.get(ACT_FILE, b""), package.files.get(SEAL_FILE, b""), trusted, at=datetime.now(UTC)
        )
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


def _told(kept: Kept) -> dict[str, Any]:
    return {
        "package": kept.id,
        "kind": kept.kind,
        "label": kept.label,
        "submitter": kept.submitter,
        "received_at": kept.received_at.isoformat(),
        "keep_until": kept.keep_until.isoformat() if kept.keep_until else "for ever",
        "size": kept.size,
        "sha256": kept.sha256,
    }


def _say(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo("  ".join(f"{name}: {value}" for name, value in told.items()))
