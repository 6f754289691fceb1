"""`conf.ini` of a proxy instance (UG-CP 3.2.1, 3.5): read as the reference reads it, edited line by line. Pure.

    validity-interval-seconds = 600
    active-signing-key-id = QWERTY123
    signing-key-id-1 = QWERTY123

People edit this file, so whatever else stands in it stays: comments, order, keys not known here. The reference writes its
keys before any section; the manual shows them under `[configuration-proxy]`. Both are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ACTIVE_SIGNING_KEY_ID", "SIGNING_KEY_ID_PREFIX", "VALIDITY_INTERVAL_SECONDS", "ConfIni"]

ACTIVE_SIGNING_KEY_ID = "active-signing-key-id"
SIGNING_KEY_ID_PREFIX = "signing-key-id-"
VALIDITY_INTERVAL_SECONDS = "validity-interval-seconds"

SECTION = "configuration-proxy"

_SECTION = re.compile(r"\s*\[([^]]*)\]")
_PROPERTY = re.compile(r"\s*([^=:\s;#][^=:]*?)\s*[=:]\s*(.*?)\s*")
_REMARK = re.compile(r"\s[;#].*")


@dataclass(frozen=True, slots=True)
class ConfIni:
    """The lines of one file, without their ends. Changing gives a new one."""

    lines: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> ConfIni:
        return cls(tuple(text.splitlines()))

    def render(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    def properties(self) -> list[tuple[str, str]]:
        """Keys and values in the order of the file, a key that stands twice included twice."""
        return [(name, value) for _, name, value in self._found()]

    def get(self, key: str) -> str | None:
        """The first value; None when there is none, or an empty one."""
        return next((value for name, value in self.properties() if name == key and value), None)

    @property
    def validity_interval_seconds(self) -> int | None:
        text = self.get(VALIDITY_INTERVAL_SECONDS) or ""
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def signing_key_ids(self) -> tuple[str, ...]:
        """Every key, the active one first even where only `active-signing-key-id` names it."""
        active = self.get(ACTIVE_SIGNING_KEY_ID)
        others = [v for name, v in self.properties() if name.startswith(SIGNING_KEY_ID_PREFIX) and v]
        return tuple(dict.fromkeys([*([active] if active else []), *others]))

    def with_value(self, key: str, value: str) -> ConfIni:
        """`key` set once; in its place where it stood, else after the last property."""
        line = f"{key} = {value}"
        places = [index for index, name, _ in self._found() if name == key]
        if places:
            kept = [
                line if i == places[0] else text for i, text in enumerate(self.lines) if i not in places[1:]
            ]
            return ConfIni(tuple(kept))
        found = self._found()
        end = found[-1][0] + 1 if found else self._end_of_properties()
        return ConfIni((*self.lines[:end], line, *self.lines[end:]))

    def with_signing_key(self, key_id: str) -> ConfIni:
        """`key_id` under the first free number, `signing-key-id-1` and on."""
        taken = {name for name, _ in self.properties()}
        number = next(n for n in range(1, len(taken) + 2) if f"{SIGNING_KEY_ID_PREFIX}{n}" not in taken)
        return self.with_value(f"{SIGNING_KEY_ID_PREFIX}{number}", key_id)

    def without_signing_key(self, key_id: str) -> ConfIni:
        gone = {i for i, n, v in self._found() if n.startswith(SIGNING_KEY_ID_PREFIX) and v == key_id}
        return ConfIni(tuple(text for i, text in enumerate(self.lines) if i not in gone))

    def _found(self) -> list[tuple[int, str, str]]:
        """(line, key, value) of every property outside other programs' sections."""
        found = []
        ours = True
        for index, text in enumerate(self.lines):
            if section := _SECTION.match(text):
                ours = section[1].strip() == SECTION
            elif ours and (match := _PROPERTY.fullmatch(text)):
                found.append((index, match[1], _REMARK.sub("", match[2]).strip().strip('"')))
        return found

    def _end_of_properties(self) -> int:
        """Where a first property goes: at the top of our section, else before any other section."""
        for index, text in enumerate(self.lines):
            if section := _SECTION.match(text):
                return index + 1 if section[1].strip() == SECTION else index
        return len(self.lines)
