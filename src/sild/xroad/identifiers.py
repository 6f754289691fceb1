"""Identifiers of members, subsystems, services, servers and groups (PR-MESS 2.1, PR-REST 4.2).

Comparison is exact and case-sensitive. Three text forms exist: REST path segments (percent-encoded, joined by `/`),
the administration form joined by `:`, and XML (`sild.xroad.soap`). Control characters, `% : ; / \\` and the zero-width
ones may not stand in *new* identifiers (`ensure_new_identifier`), but a peer may still use old ones that have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from sild.errors import CallerError

__all__ = [
    "ClientId",
    "GlobalGroupId",
    "LocalGroupId",
    "SecurityServerId",
    "ServiceId",
    "decode_segments",
    "encode_segments",
    "ensure_new_identifier",
]

# Guava's urlPathSegmentEscaper leaves these raw; everything else becomes %HH in upper case (WIRE 2.2).
_SAFE = "-._~!$'()*,;&=@:+"
_RAW = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + _SAFE.encode())
_HEX = frozenset(b"0123456789abcdefABCDEF")


def encode_segments(*segments: str) -> str:
    """Percent-encode each as one URI path segment and join them with `/`."""
    return "/".join(quote(segment, safe=_SAFE) for segment in segments)


def decode_segments(text: str) -> tuple[str, ...]:
    """Split at `/` and decode each segment strictly (RFC 3986 pchar, valid UTF-8). Raises ValueError."""
    return tuple(_decode_segment(segment) for segment in text.split("/"))


def _decode_segment(segment: str) -> str:
    if segment.isascii() and segment.replace("-", "").replace("_", "").isalnum():
        return segment
    data = segment.encode()
    out = bytearray()
    index = 0
    while index < len(data):
        byte = data[index]
        if byte in _RAW:
            out.append(byte)
            index += 1
        elif byte == 0x25 and len(data) > index + 2 and data[index + 1] in _HEX and data[index + 2] in _HEX:
            out.append(int(data[index + 1 : index + 3], 16))
            index += 3
        else:
            raise ValueError(f"character {segment[index : index + 1]!r} may not stand raw in a path segment")
    return out.decode("utf-8")


def ensure_new_identifier(value: str) -> str:
    """Refuse what X-Road does not allow in a new identifier (UG-SS, PR-MESS 2.1). Raises CallerError."""
    if not value or len(value) > 255:
        raise CallerError("an identifier has 1 to 255 characters", code="bad_request")
    for character in value:
        if character in "%:;/\\\u200b\ufeff" or ord(character) < 0x20 or 0x7F <= ord(character) <= 0x9F:
            raise CallerError(
                f"the character {character!r} may not stand in an identifier", code="bad_request"
            )
    return value


@dataclass(frozen=True, slots=True, order=True)
class ClientId:
    """A member, or one of its subsystems. `str()` is the administration form `DEV:COM:1234:Sub`."""

    instance_identifier: str
    member_class: str
    member_code: str
    subsystem_code: str | None = None

    @property
    def member(self) -> ClientId:
        """The member itself, without the subsystem."""
        if self.subsystem_code is None:
            return self
        return ClientId(self.instance_identifier, self.member_class, self.member_code)

    def with_subsystem(self, subsystem_code: str) -> ClientId:
        """A subsystem of the same member."""
        return ClientId(self.instance_identifier, self.member_class, self.member_code, subsystem_code)

    def is_same_member(self, other: ClientId) -> bool:
        return (
            self.member_code == other.member_code
            and self.member_class == other.member_class
            and self.instance_identifier == other.instance_identifier
        )

    @property
    def parts(self) -> tuple[str, ...]:
        head = (self.instance_identifier, self.member_class, self.member_code)
        return head if self.subsystem_code is None else (*head, self.subsystem_code)

    def encode(self) -> str:
        """REST form: `DEV/COM/1234/Sub`, each part percent-encoded."""
        return encode_segments(*self.parts)

    @classmethod
    def decode(cls, text: str) -> ClientId:
        """REST form back, 3 or 4 segments. Raises ValueError."""
        parts = decode_segments(text)
        if len(parts) not in (3, 4) or not all(parts):
            raise ValueError(f"a client identifier has 3 or 4 parts: {text!r}")
        return cls(*parts)

    @classmethod
    def parse(cls, text: str) -> ClientId:
        """Administration form back: `DEV:COM:1234[:Sub]`. Raises ValueError."""
        parts = text.split(":")
        if len(parts) not in (3, 4) or not all(parts):
            raise ValueError(f"a client identifier is INSTANCE:CLASS:CODE[:SUBSYSTEM]: {text!r}")
        return cls(*parts)

    @property
    def long_form(self) -> str:
        """`SUBSYSTEM:DEV/COM/1234/Sub` or `MEMBER:DEV/COM/1234`, as error texts write it."""
        return ("MEMBER:" if self.subsystem_code is None else "SUBSYSTEM:") + "/".join(self.parts)

    def __str__(self) -> str:
        return ":".join(self.parts)


@dataclass(frozen=True, slots=True, order=True)
class ServiceId:
    """A service of a member or subsystem; only SOAP services have a version."""

    client_id: ClientId
    service_code: str
    service_version: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        tail = (
            (self.service_code,)
            if self.service_version is None
            else (self.service_code, self.service_version)
        )
        return (*self.client_id.parts, *tail)

    def encode(self) -> str:
        return encode_segments(*self.parts)

    @property
    def long_form(self) -> str:
        return "SERVICE:" + "/".join(self.parts)

    def __str__(self) -> str:
        return ":".join(self.parts)


@dataclass(frozen=True, slots=True, order=True)
class SecurityServerId:
    """A security server: its owner member and the server code."""

    owner: ClientId
    server_code: str

    @property
    def parts(self) -> tuple[str, ...]:
        return (*self.owner.parts, self.server_code)

    def encode(self) -> str:
        return encode_segments(*self.parts)

    @classmethod
    def decode(cls, text: str) -> SecurityServerId:
        """REST form back, exactly 4 segments. Raises ValueError."""
        parts = decode_segments(text)
        if len(parts) != 4 or not all(parts):
            raise ValueError(f"a security server identifier has 4 parts: {text!r}")
        return cls(ClientId(*parts[:3]), parts[3])

    @property
    def long_form(self) -> str:
        return "SERVER:" + "/".join(self.parts)

    def __str__(self) -> str:
        return ":".join(self.parts)


@dataclass(frozen=True, slots=True, order=True)
class GlobalGroupId:
    instance_identifier: str
    group_code: str

    def __str__(self) -> str:
        return f"{self.instance_identifier}:{self.group_code}"


@dataclass(frozen=True, slots=True, order=True)
class LocalGroupId:
    """A group kept by one client of one security server."""

    group_code: str

    def __str__(self) -> str:
        return self.group_code
