"""The oldest X-Road version a calling security server may have (UG-SS 6.8). Pure.

Versions are compared as semantic versions: numbers, then a pre-release, which is older than the release it precedes.
"""

from __future__ import annotations

import re

from sild.errors import PeerError

__all__ = ["ensure_supported_version"]

_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")


def ensure_supported_version(version: str | None, minimum: str | None) -> None:
    """version: of the peer's header x-proxy-version.  minimum: None lets every version pass.

    Raises PeerError (`client_proxy_version_not_supported`), for an unreadable version too.
    """
    if minimum is None:
        return
    given, least = _parse(version or ""), _parse(minimum)
    if least is not None and (given is None or given < least):
        raise PeerError(
            f"The minimum supported version for client security server is: {minimum} ",
            code="client_proxy_version_not_supported",
            version=(version or "unknown")[:50],
        )


def _parse(text: str) -> tuple[int, int, int, bool, str] | None:
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return None
    major, minor, patch, pre_release = found.groups()
    return int(major), int(minor), int(patch or 0), pre_release is None, pre_release or ""
