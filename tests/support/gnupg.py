"""A GnuPG home with keys of its own: the real `gpg`, whose agent is ended with the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIGNER = "server@example.org"


class GnuPG:
    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", *arguments]
        return subprocess.run(command, input=given, capture_output=True, env={**os.environ, "LC_ALL": "C"})

    def new_key(self, user: str) -> str:
        """Its fingerprint; ECC, because it is made at once."""
        made = self("--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", "never")
        assert made.returncode == 0, made.stderr
        fingerprint = self.fingerprint(user)
        made = self("--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "never")
        assert made.returncode == 0, made.stderr
        return fingerprint

    def fingerprint(self, user: str) -> str:
        lines = self("--with-colons", "--list-keys", user).stdout.decode().splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))

    def send_key(self, user: str, to: GnuPG) -> None:
        assert to("--import", given=self("--export", user).stdout).returncode == 0

    def decrypt(self, file: Path) -> tuple[bytes, str]:
        """The content, and what gpg says of it for programs (`--status-fd`)."""
        done = self("--status-fd", "2", "--decrypt", str(file))
        return done.stdout, done.stderr.decode()


@contextmanager
def gnupg() -> Iterator[GnuPG]:
    """In a directory of a short name: the agent's socket is in it."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    home = Path(tempfile.mkdtemp(prefix="sild-gpg-"))
    try:
        yield GnuPG(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True)
        shutil.rmtree(home, ignore_errors=True)
