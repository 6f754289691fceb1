"""What lies in a directory, read by another process.

SQLite's locks are POSIX locks: closing any descriptor of a file lets go of all that this process has on it. Whoever reads an open
database's files here takes its locks away: another process then believes to be alone, ends the log of writes when it is done, and this
one goes on with the deleted one, blind to what was written since.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["kept_in"]


def kept_in(directory: Path) -> bytes:
    """All files of `directory`, one after the other."""
    files = [str(file) for file in directory.iterdir() if file.is_file()]
    return subprocess.run(["cat", *files], capture_output=True, check=True, timeout=60).stdout
