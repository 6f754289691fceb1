"""Opening an encrypted archive for judging: gpg decrypts it and says who signed it; nothing is written to a named file."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from sild.errors import PeerError, TrustError, Unavailable

__all__ = ["Opened", "TooLarge", "is_encrypted", "open_encrypted"]


CHUNK = 1 << 20


class TooLarge(Unavailable):
    """More than one wants to have on the disk; whether it is a good archive is not known."""


@dataclass(frozen=True, slots=True)
class Opened:
    """file: the archive, unnamed on the disk.  signer: fingerprint of the key that signed it, and whose it says it is."""

    file: BinaryIO
    signer: str


def is_encrypted(path: Path) -> bool:
    return path.suffix.lower() in (".gpg", ".pgp", ".asc")


@contextmanager
def open_encrypted(path: Path, home: Path | None, max_output: int) -> Iterator[Opened]:
    """home: GnuPG's home directory with the recipient's secret key and the server's public key; None: the user's own.
    max_output: bytes; a few compressed ones can become any number.

    Raises TrustError (`invalid_signature_value`: signed by nobody, wrongly, or by a key that is expired or revoked), PeerError
    (`io_error`: damaged), Unavailable (`io_error`: no gpg, or none of the keys needed; TooLarge).
    """
    where = () if home is None else ("--homedir", str(home))
    options = ("--batch", "--no-tty", "--trust-model", "always", "--no-auto-key-locate")
    with tempfile.TemporaryFile() as plain, tempfile.TemporaryFile() as said:
        # apart from what gpg tells people, in which the archive has a say
        status = ("--status-fd", str(said.fileno()))
        try:
            command = ["gpg", *where, *options, *status, "--decrypt", "--", str(path)]
            gpg = subprocess.Popen(  # noqa: S603 - an argument vector
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(said.fileno(),),
            )
            with gpg:
                _take(gpg, cast(BinaryIO, plain), max_output)
        except OSError as error:
            raise Unavailable(f"gpg: {error.strerror or error}", code="io_error") from error
        said.seek(0)
        signer = _signer(said.read().decode(errors="replace"))
        if gpg.returncode:
            raise PeerError("the archive is damaged: something stands behind it", code="io_error")
        plain.seek(0)
        yield Opened(cast(BinaryIO, plain), signer)


def _take(gpg: subprocess.Popen[bytes], plain: BinaryIO, max_output: int) -> None:
    assert gpg.stdout is not None
    size = 0
    while data := gpg.stdout.read(CHUNK):
        size += len(data)
        if size > max_output:
            gpg.kill()
            raise TooLarge(f"the archive is of more than {max_output} bytes when decrypted", code="io_error")
        plain.write(data)


def _signer(said: str) -> str:
    words = [line.split(" ", 3)[1:] for line in said.splitlines() if line.startswith("[GNUPG:] ")]
    status = {word[0]: word[1:] for word in words}
    if "NO_SECKEY" in status and "DECRYPTION_OKAY" not in status:
        raise Unavailable("the archive is for other keys than those here", code="io_error")
    if "DECRYPTION_OKAY" not in status:
        raise PeerError("the archive cannot be decrypted: it is damaged", code="io_error")
    if "BADSIG" in status or "EXPKEYSIG" in status or "REVKEYSIG" in status or "EXPSIG" in status:
        raise TrustError("the archive's OpenPGP signature is not good", code="invalid_signature_value")
    if "ERRSIG" in status or "NO_PUBKEY" in status:
        raise Unavailable("the public key of the server that signed the archive is not here", code="io_error")
    if "VALIDSIG" not in status or "GOODSIG" not in status:
        raise TrustError("nobody has signed the archive", code="invalid_signature_value")
    return f"{status['VALIDSIG'][0]} {' '.join(status['GOODSIG'][1:])}"
