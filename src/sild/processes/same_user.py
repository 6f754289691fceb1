"""Commands beside a running server: as the user it runs as, for what they make is its owner's alone (mode 0600)."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from sild.errors import CallerError

__all__ = ["ensure_same_user"]


def ensure_same_user(made_by_server: Path) -> None:
    """made_by_server: a file the server has made; passed over while it is not there.

    Raises CallerError: a key that root makes in a server's directory could not be read by the server, which would not start.
    """
    try:
        owner = made_by_server.stat().st_uid
    except OSError:
        return
    if owner != os.geteuid():
        name = _name_of(owner)
        raise CallerError(
            f"the server runs as {name}, who could not read the files this makes: `sudo -u {name} sild ...`"
        )


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"
