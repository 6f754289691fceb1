"""Who may call which endpoint: (service code, method, path) against a client subsystem or a group (WIRE 11.5, UG-SS 7).

A right on the whole service is the endpoint `*` `**`. A path pattern is a glob on the decoded, normalised path: `*` is any
run without `/`, `**` any run, `\\` makes the next `*` or `\\` literal.

What the service takes a path for is not known here, so a right must cover every reading of it. An encoded slash may be a
character or a separator (ASGI servers decode it before they route), a backslash likewise, and what follows a `;` may count
or not (servlet containers cut it off): all must match. A path in which `..` appears after decoding, once or twice, matches
nothing: the service might resolve it to another endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from sild.xroad.identifiers import ClientId, GlobalGroupId

__all__ = ["AccessRights", "EndpointRule", "compile_path_glob", "normalise_path"]

_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_PARAMETERS = re.compile(r";[^/]*")
_SLASHES = re.compile(r"/{2,}")


@lru_cache(maxsize=4096)
def compile_path_glob(glob: str) -> re.Pattern[str]:
    """The regular expression that a path glob stands for; it matches whole paths."""
    out: list[str] = []
    index = 0
    while index < len(glob):
        character = glob[index]
        index += 1
        if character == "\\" and glob[index : index + 1] in ("*", "\\"):
            out.append(re.escape(glob[index]))
            index += 1
        elif character != "*":
            out.append(re.escape(character))
        elif glob[index : index + 1] != "*":
            out.append("[^/]*+")
        else:
            while glob[index : index + 1] == "*":
                index += 1
            out.append(".*")
    return re.compile("".join(out), re.DOTALL)


@lru_cache(maxsize=4096)
def normalise_path(path: str) -> tuple[str, ...]:
    """The readings of a service path, one to three: decoded once, doubled slashes joined, `.` segments dropped.

    An encoded slash is `%2F` in the first and `/` in the others, a backslash `/` in the others; the last is without path
    parameters.
    Empty: the path may match no right at all (`..` in it, also behind two encodings, or not UTF-8).
    """
    if "%" not in path and "." not in path and "//" not in path and ";" not in path:
        return (path,)
    try:
        decoded = _decode(path.encode()).decode()
        twice = _decode(decoded.encode()).decode(errors="replace")
    except UnicodeDecodeError:
        return ()
    if ".." in decoded or ".." in twice:
        return ()
    readings = [decoded, _separated(decoded)]
    if ";" in path:
        readings.append(_separated(_decode(_PARAMETERS.sub("", path).encode()).decode()))
    return tuple(_tidy(reading) for reading in dict.fromkeys(readings))


def _separated(path: str) -> str:
    return path.replace("%2F", "/").replace("\\", "/")


def _tidy(path: str) -> str:
    joined = _SLASHES.sub("/", path)
    if "/./" not in joined and not joined.endswith("/."):
        return joined
    kept = [segment for segment in joined.split("/") if segment != "."]
    return "/".join(kept) + ("/" if joined.endswith("/.") else "")


def _decode(path: bytes) -> bytes:
    def one(found: re.Match[bytes]) -> bytes:
        byte = bytes.fromhex(found.group(1).decode())
        return b"%2F" if byte == b"/" else byte

    return _ENCODED.sub(one, path)


@dataclass(frozen=True, slots=True)
class EndpointRule:
    """One endpoint a subject may use. `method` is `*` or upper case; `path` is the glob as written."""

    method: str
    path: str

    def matches(self, method: str, readings: tuple[str, ...]) -> bool:
        """readings: of `normalise_path`; all of them must match."""
        if self.method not in ("*", method) or not readings:
            return False
        if self.path == "**":
            return True
        pattern = compile_path_glob(self.path)
        return all(pattern.fullmatch(reading) is not None for reading in readings)


@dataclass(frozen=True, slots=True)
class AccessRights:
    """All rights on one service. Local groups are dissolved into their members when the snapshot is made."""

    by_client: dict[ClientId, tuple[EndpointRule, ...]] = field(default_factory=dict)
    by_global_group: tuple[tuple[GlobalGroupId, tuple[EndpointRule, ...]], ...] = ()

    def allows(
        self,
        client: ClientId,
        method: str,
        path: str,
        *,
        in_global_group: Callable[[GlobalGroupId, ClientId], bool],
    ) -> bool:
        """Whether `client` may call `method` on `path` (encoded, as in the message; empty means the service itself)."""
        readings = normalise_path(path)
        for rule in self.by_client.get(client, ()):
            if rule.matches(method, readings):
                return True
        for group, rules in self.by_global_group:
            if any(rule.matches(method, readings) for rule in rules) and in_global_group(group, client):
                return True
        return False
