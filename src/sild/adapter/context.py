"""What a caller may say about a call besides what it asks, and the header that says it (PR-REST 4.3, PR-MESS 2.2).

The provider's log and the evidence of both sides hold these words, signed with the message: all of them are `X-Road-*` headers,
which stand in the log even where bodies and paths are not logged (WIRE 2.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from sild.errors import CallerError
from sild.http1 import Header
from sild.xroad import SecurityServerId
from sild.xroad.identifiers import encode_segments
from sild.xroad.rest import RepresentedParty

__all__ = [
    "AUTOMATIC",
    "HEADER_NAMES",
    "OWN_DATA",
    "CallContext",
    "case_of_look",
    "header_value",
    "is_case_of_look",
]

AUTOMATIC = "automatic"
"""`user_id` of a call that no person caused."""

HEADER_NAMES = {
    "user_id": b"X-Road-UserId",
    "issue": b"X-Road-Issue",
    "represented_party": b"X-Road-Represented-Party",
    "security_server": b"X-Road-Security-Server",
    "legal_ground": b"X-Road-Legal-Ground",
}
"""Field of `CallContext` -> header. The last is ours: PR-REST 4.3 leaves further names to those who agree on them."""

MAX_VALUE_BYTES = 4096
MAX_OTHER_BYTES = 32_768
"""Of a header that client and service agree on: a proof of what many people said, as registers take it."""

OWN_DATA = "own-data"
"""What a look is for, when people look at what is kept of them."""
_LOOK = re.compile(r"[a-z-]{1,13}/[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def case_of_look(what_for: str, *of: str) -> str:
    """The case id (`issue`) of a look that no case asks for: `own-data/` and a UUID of version 5 of what it is for, the same each time.

    what_for: small letters and `-`, 13 at most.  of: what makes these looks one matter: the person, the day.
    """
    return f"{what_for}/{uuid5(NAMESPACE_URL, 'urn:sild:look:' + '|'.join((what_for, *of)))}"


def is_case_of_look(case: str | None) -> bool:
    """Whether `case_of_look` made it: nobody can open such a case."""
    return case is not None and _LOOK.fullmatch(case) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """On whose behalf, because of what, on what ground.

    user_id: who acts, with the country in front, `EE38001085718`; `AUTOMATIC` when nobody does.
    issue: the case, application or document that caused the call.
    represented_party: for whom the client acts, when it is neither itself nor a member.
    security_server: the provider's server that must answer, when any will not do.
    legal_ground: one provision that allows the call, as an ELI or as both sides write it.
    """

    user_id: str | None = None
    issue: str | None = None
    represented_party: RepresentedParty | None = None
    security_server: SecurityServerId | None = None
    legal_ground: str | None = None

    def headers(self) -> list[Header]:
        """Those that are set. Raises CallerError (`bad_request`) for a value that no header can hold."""
        texts = {
            "user_id": self.user_id,
            "issue": self.issue,
            "represented_party": _party(self.represented_party),
            "security_server": self.security_server.encode() if self.security_server else None,
            "legal_ground": self.legal_ground,
        }
        return [
            (HEADER_NAMES[field], header_value(field, text))
            for field, text in texts.items()
            if text is not None
        ]


def _party(party: RepresentedParty | None) -> str | None:
    if party is None:
        return None
    parts = (party.member_code,) if party.member_class is None else (party.member_class, party.member_code)
    return encode_segments(*parts)


def header_value(field: str, text: str, most: int = MAX_VALUE_BYTES) -> bytes:
    """UTF-8, as the message part is, of `most` bytes. Raises CallerError: empty, too long, blanks at the ends, control characters.

    The error does not repeat the value: it may be a person's.
    """
    value = text.encode("utf-8", "surrogatepass")
    if not value or len(value) > most or text != text.strip() or not text.isprintable():
        raise CallerError(f"this {field} cannot stand in a header", code="bad_request")
    return value
