"""How a message-log archive is chained to the one before it: the file `linkinginfo` (WIRE 17).

Text lines: `<previous digest or -> <previous archive or -> SHA-512`, then `<digest> <file name>` for each container, where

    digest_i = hex(SHA-512(utf8(digest_(i-1) + hex(SHA-512(container bytes)))))

and digest_0 is the previous archive's last one, or empty for the first archive ever. Who keeps the last digest can tell
later that nothing was taken out, put in or moved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha512

from sild.errors import PeerError, TrustError

__all__ = ["Linking", "next_digest", "parse_linking", "verify_linking"]

_DIGEST = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True, slots=True)
class Linking:
    """previous_digest, previous_archive: None in the first archive of a chain.  entries: digest and file name, in order."""

    previous_digest: str | None
    previous_archive: str | None
    entries: tuple[tuple[str, str], ...]

    @property
    def last_digest(self) -> str | None:
        return self.entries[-1][0] if self.entries else self.previous_digest


def next_digest(previous: str, container_digest: bytes) -> str:
    """previous: hex, or empty.  container_digest: SHA-512 of the container's bytes."""
    return sha512((previous + container_digest.hex()).encode()).hexdigest()


def parse_linking(data: bytes) -> Linking:
    """Read `linkinginfo`. Raises PeerError `malformed_hash_chain`."""
    try:
        first, *lines = data.decode().splitlines()
        previous_digest, previous_archive, algorithm = first.split(" ")
        entries = [tuple(line.split(" ", 1)) for line in lines if line]
    except ValueError:
        raise PeerError("linkinginfo is unreadable", code="malformed_hash_chain") from None
    digests = [entry[0] for entry in entries] + ([previous_digest] if previous_digest != "-" else [])
    if algorithm != "SHA-512" or any(len(entry) != 2 for entry in entries):
        raise PeerError("linkinginfo is not what X-Road writes", code="malformed_hash_chain")
    if not all(map(_DIGEST.fullmatch, digests)):
        raise PeerError("a digest in linkinginfo is unreadable", code="malformed_hash_chain")
    return Linking(
        previous_digest=None if previous_digest == "-" else previous_digest,
        previous_archive=None if previous_archive == "-" else previous_archive,
        entries=tuple((entry[0], entry[1]) for entry in entries),
    )


def verify_linking(linking: Linking, names: Iterable[str], digest_of: Callable[[str], bytes]) -> None:
    """Compare with the containers that are there, by `names`; digest_of: SHA-512 of the container of that name.

    Raises TrustError `invalid_reference` (one is missing, doubled or not in the chain), `invalid_hash_chain`.
    """
    listed = [name for _, name in linking.entries]
    present = list(names)
    if sorted(listed) != sorted(present) or len(set(listed)) != len(listed):
        difference = sorted(set(listed) ^ set(present))
        raise TrustError(
            f"the archive does not hold exactly the containers of its linkinginfo: {', '.join(difference)[:500]}",
            code="invalid_reference",
        )
    digest = linking.previous_digest or ""
    for stated, name in linking.entries:
        digest = next_digest(digest, digest_of(name))
        if digest != stated:
            raise TrustError(f"{name} is not the container that was archived", code="invalid_hash_chain")
