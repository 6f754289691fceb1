"""`sild documents verify`: is this card or certificate good? Offline: the issuer's keys and status list are files one has fetched.

Exit status 0 holds, 1 does not, 2 cannot tell all (no status list, or nobody to trust the seal by).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from cryptography import x509

from sild.documents import (
    BIRTH_KIND,
    CARD_KIND,
    KeyBinding,
    credential_in,
    verify_presentation,
    verify_sealed_pdf,
)
from sild.errors import CallerError, PlatformError
from sild.processes.sealing import time_stamp_words

__all__ = ["command"]

KINDS = (CARD_KIND, BIRTH_KIND)
HOLDS, BROKEN, CANNOT_TELL = 0, 1, 2
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("documents")
def command() -> None:
    """Papers that the state gives people, checked by whoever is shown one."""


@command.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--issuer", required=True, type=_FILE, help="The issuer's keys (issuer.json of the portal).")
@click.option("--status-list", type=_FILE, help="The issuer's status list; without it a revoked card passes.")
@click.option(
    "--trust", type=_FILE, help="Certificates (PEM) of authorities of seals and time-stamps, for a PDF."
)
@click.option("--audience", help="Of a wallet's answer: whom it was asked to show it to; with --nonce.")
@click.option("--nonce", help="Of a wallet's answer: the challenge it was given.")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Instead of now (UTC).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(
    file: Path,
    issuer: Path,
    status_list: Path | None,
    trust: Path | None,
    audience: str | None,
    nonce: str | None,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Judge FILE: a PDF, the text a reader of QR codes gives, or what a wallet shows (SD-JWT+KB) (`-`: from standard input)."""
    if (audience is None) is not (nonce is None):
        raise click.UsageError("--audience and --nonce go together")
    content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    moment = (at or datetime.now(UTC)).replace(tzinfo=UTC)
    try:
        asked = None if audience is None or nonce is None else KeyBinding(audience, nonce)
        told, status = _judge(content, _metadata(issuer), status_list, trust, asked, moment)
    except PlatformError as refusal:
        told, status = {"verdict": "broken", "code": refusal.code, "reason": refusal.message}, BROKEN
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for name, value in told.items():
            click.echo(f"{name}: {value}")
    raise SystemExit(status)


def _judge(
    content: bytes,
    issuer: Mapping[str, Any],
    status_list: Path | None,
    trust: Path | None,
    asked: KeyBinding | None,
    at: datetime,
) -> tuple[dict[str, Any], int]:
    is_paper = content.startswith(b"%PDF-")
    text = credential_in(content) if is_paper else content.decode("ascii", "replace")
    listed = status_list.read_text("ascii", "replace").strip() if status_list else None
    shown = verify_presentation(text, issuer, at=at, kinds=KINDS, status_list=listed, asked=asked)
    told: dict[str, Any] = {
        "verdict": "holds",
        **shown.claims,
        "issuer": shown.issuer,
        "issued_at": shown.issued_at.isoformat(),
        "expires_at": shown.expires_at.isoformat(),
        "status": shown.status,
    }
    if shown.by_wallet:
        told["shown_by"] = "the wallet whose it is"
    sure = shown.status == "valid"
    if is_paper:
        trusted = x509.load_pem_x509_certificates(trust.read_bytes()) if trust else []
        seal = verify_sealed_pdf(content, trusted, body=_sealer(issuer), at=at)
        told["sealed_by"] = seal.authority
        told["seal_is_trusted"] = seal.trusted
        told["time_stamp"] = time_stamp_words(seal)
        sure = sure and seal.trusted
    if shown.status == "revoked":
        return told | {"verdict": "broken", "code": "revoked"}, BROKEN
    return (told, HOLDS) if sure else (told | {"verdict": "cannot tell"}, CANNOT_TELL)


def _sealer(issuer: Mapping[str, Any]) -> str:
    """The body whose papers these are. Raises CallerError (`invalid_issuer`)."""
    body = issuer.get("organization_identifier")
    if not isinstance(body, str):
        raise CallerError("the issuer's metadata names no body that seals its papers", code="invalid_issuer")
    return body


def _metadata(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CallerError(f"{file} is no issuer's metadata", code="invalid_issuer")
    return found
