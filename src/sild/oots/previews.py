"""Addresses by which a person goes to look at their evidence and comes back (OOTS TDD 1.2, chapter 4.9).

The portal that asks adds `returnurl` and `returnmethod` to the preview's address before it shows the link. Neither side sends people
wherever a stranger says: the requester goes only to the origin its directory names for the provider, the provider sends back only to
origins that its own settings name.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sild.errors import CallerError
from sild.oots.regrep import refuse

__all__ = ["ensure_address", "origin_of", "preview_address", "return_address"]

LONGEST = 1_000


def ensure_address(said: str, rule: str) -> str:
    """https, or http to this very machine, for one who tries it out; the rules themselves know https alone. Raises PeerError."""
    if origin_of(said) is None:
        raise refuse(rule, "an address begins with https://")
    return said


def origin_of(address: str) -> str | None:
    """`https://portal.example:8700`; None: no address that people are sent to."""
    if (
        len(address) > LONGEST
        or not address.isascii()
        or not address.isprintable()
        or "\\" in address
        or " " in address
    ):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    is_local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
    if not (parts.scheme == "https" or is_local) or not parts.hostname or "@" in parts.netloc:
        return None
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")


def preview_address(location: str, returns_to: str) -> str:
    """The link for the person. location: as the provider gave it.  returns_to: of ours."""
    parts = urlsplit(location)
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("returnurl", returns_to),
        ("returnmethod", "GET"),
    ]
    return urlunsplit(parts._replace(query=urlencode(query), fragment=""))


def return_address(returnurl: str, returnmethod: str, origins: Collection[str]) -> str:
    """Where the person goes back to. origins: that may be gone back to. Raises CallerError (`return_refused`)."""
    origin = origin_of(returnurl)
    if origin is None or origin not in origins or returnmethod.upper() not in ("", "GET"):
        raise CallerError("nobody is sent back to that address from here", code="return_refused")
    return returnurl
