"""Archives signed and encrypted with OpenPGP by GnuPG, as X-Road does it (UG-SS 11.1.7, WIRE 17; ADR 0022).

gpg runs beside us with a home directory of its own, which holds the server's secret key (it signs) and the recipients' public
keys. What is to be encrypted is piped through it: no archive stands unencrypted on the disk.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sild.errors import CallerError, Unavailable
from sild.xroad.identifiers import ClientId

__all__ = ["ArchiveEncryption", "read_key_mapping"]

END_SECONDS = 60  # gpg encrypts on the fly, so it is done almost as soon as we are
_OPTIONS = (
    *("--batch", "--no-tty", "--yes", "--encrypt", "--sign"),
    "--no-auto-key-locate",  # the keys in the home directory and no others,
    *("--trust-model", "always"),  # which are trusted, but not when expired or revoked
    *("--compress-algo", "none", "--cipher-algo", "AES256", "--digest-algo", "SHA256"),
)
_SPLIT = re.compile(r"\s*(?<!\\)=\s*")


@dataclass(frozen=True, slots=True)
class ArchiveEncryption:
    """home: GnuPG's home directory.  default_key: for those without one of their own; None: the server's own (gpg's first).
    keys_file: which keys a member's archives are encrypted to, read anew for each archive."""

    home: Path
    default_key: str | None = None
    keys_file: Path | None = None
    program: str = "gpg"

    def recipients(self, member: ClientId | None) -> tuple[str, ...]:
        """Key ids; none: the server's own key. member: whose group it is; None: everybody's.

        Raises Unavailable (`io_error`) when the mapping cannot be read: encrypting to another key than the configured one
        would be worse than waiting.
        """
        default = () if self.default_key is None else (self.default_key,)
        if member is None or self.keys_file is None:
            return default
        try:
            mapping = read_key_mapping(self.keys_file.read_text())
        except (OSError, UnicodeDecodeError, CallerError) as error:
            raise Unavailable(f"{self.keys_file}: {error}", code="io_error") from error
        return mapping.get("/".join(member.member.parts), default)

    @contextmanager
    def encrypting(self, output: Path, recipients: Sequence[str]) -> Iterator[IO[bytes]]:
        """What is written becomes the signed and encrypted file `output`, whole when this ends without an exception.

        Raises Unavailable (`io_error`): gpg is missing, a key is missing or expired, the disk is full.
        """
        to = [option for key in recipients for option in ("--recipient", key)] or ["--default-recipient-self"]
        command = [self.program, "--homedir", str(self.home), *_OPTIONS, "--output", str(output), *to]
        with tempfile.TemporaryFile() as said:
            try:
                gpg = subprocess.Popen(  # noqa: S603 - an argument vector of the operator's own words
                    command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=_environment()
                )
            except OSError as error:
                raise Unavailable(f"{self.program}: {error.strerror or error}", code="io_error") from error
            try:
                assert gpg.stdin is not None
                is_whole = False
                try:
                    yield gpg.stdin
                    gpg.stdin.close()
                    is_whole = True
                except BrokenPipeError:
                    pass  # gpg has ended: it says why
                status = gpg.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                raise Unavailable("gpg does not come to an end", code="io_error") from None
            finally:
                _end(gpg)
            if status or not is_whole:
                raise Unavailable(
                    f"gpg could not encrypt: {_last_words(said)}", code="io_error", status=status
                )


def read_key_mapping(text: str) -> dict[str, tuple[str, ...]]:
    r"""Key ids by member (`INSTANCE/CLASS/CODE`). Lines `member = key id`; `#` begins a comment; in the member `\=`, `\#`.

    Raises CallerError for a line that is neither, with its number: X-Road passes it over, and the default key gets what was
    meant for another.
    """
    mapping: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        member, *key = (part.strip() for part in _SPLIT.split(line, maxsplit=1))
        if not member or not key or not key[0] or key[0].startswith("-"):
            raise CallerError(f"line {number} is not `member = key id`", code="bad_request")
        member = member.replace("\\=", "=").replace("\\#", "#")
        mapping[member] = (*mapping.get(member, ()), key[0])
    return mapping


def _environment() -> dict[str, str]:
    """In English, and without a person: no terminal, no display."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _end(gpg: subprocess.Popen[bytes]) -> None:
    if gpg.poll() is None:
        gpg.kill()
        gpg.wait()
    if gpg.stdin is not None and not gpg.stdin.closed:
        try:
            gpg.stdin.close()
        except OSError:  # what was still to be written: gpg has gone
            pass


def _last_words(said: IO[bytes]) -> str:
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - 500))
    return " ".join(said.read().decode(errors="replace").split())
