"""What a model says is a stranger's word: looked through before anybody gets it. Pure.

Links go (a page must not lead where a model says), marks of HTML go, an answer that holds a canary goes nowhere at all, JSON fits its
schema or is no answer. A stream is let through piece by piece, held back as far as a link or a canary could still become whole.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from sild.ai_gateway.second_lock import Canaries
from sild.errors import PeerError

__all__ = ["OutputGuard", "OutputRefused", "Redactions", "read_json"]

_TAG = re.compile(r"<[a-zA-Z/!][^<>]{0,500}>")
_MARKDOWN = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(\s*([^()\s]*)[^()\n]*\)")
_URL = re.compile(
    r"(?:(?:https?|ftp|file|wss?)://|www\.)[^\s<>\"'()\[\]]+|\b(?:javascript|data|vbscript|mailto|tel):[^\s<>\"']+"
    r"|(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:com|net|org|info|biz|ee|vn|eu|io|ru|cn|xyz|top|app|dev|me|site|online|link)"
    r"\b(?:/[^\s<>\"'()\[\]]*)?",
    re.IGNORECASE,
)
_HOST = re.compile(r"^(?:[a-z]+://)?(?:[^/@\s]*@)?([a-z0-9.-]+)", re.IGNORECASE)
_OPEN = re.compile(r"!?\[[^\[\]\n]{0,300}(?:\](?:\([^()\n]{0,500})?)?$|<[^<>]{0,500}$")
_FENCE = re.compile(r"^\s*```(?:json)?\s*\n?(.*?)\n?```\s*$", re.DOTALL)
_REMOVED = "[…]"
_HOLD_FOR_CANARY = 3  # times its length: it may come spaced out
_FEWEST_WORDS = 40
_REPEATED = 0.4


class OutputRefused(PeerError):
    """The model's answer is not handed over. `why`: canary, tool, not_json, schema, empty, nonsense, token, too_long."""

    code = "output_refused"

    def __init__(self, message: str, *, why: str) -> None:
        super().__init__(message, why=why)
        self.why = why


class OutputGuard:
    """One answer on its way out. `feed` gives what may be handed over by now, `finish` the rest; both raise OutputRefused.

    links: hosts that may stay.  most_characters: of an answer.
    """

    def __init__(
        self, canaries: Canaries, *, links: tuple[str, ...] = (), most_characters: int = 64_000
    ) -> None:
        self._canaries = canaries
        self._hold = _HOLD_FOR_CANARY * max(map(len, canaries.values), default=0)
        self._links = frozenset(links)
        self._most = most_characters
        self._raw = ""
        self._released = 0
        self.links_removed = 0

    @property
    def raw(self) -> str:
        return self._raw

    def feed(self, piece: str) -> str:
        self._raw += piece
        if len(self._raw) > self._most:
            raise OutputRefused("the model's answer is longer than it may be", why="too_long")
        if self._canaries.sing(self._raw):
            raise OutputRefused(
                "the model's answer held a mark that must never leave; it was stopped and people were told",
                why="canary",
            )
        pending = self._raw[self._released :]
        limit = len(pending) - self._hold
        opened = _OPEN.search(pending[: max(0, limit)])
        if opened is not None:
            limit = opened.start()
        end = max((match.end() for match in re.finditer(r"\s", pending[: max(0, limit)])), default=0)
        return self._release(end)

    def finish(self) -> str:
        if not self._raw.strip():
            raise OutputRefused("the model said nothing", why="empty")
        if is_nonsense(self._raw):
            raise OutputRefused("the model's answer makes no sense", why="nonsense")
        return self._release(len(self._raw) - self._released)

    def _release(self, length: int) -> str:
        start, self._released = self._released, self._released + length
        return self.strip(self._raw[start : self._released])

    def strip(self, text: str) -> str:
        """`text` without links (but to hosts that may stay) and HTML."""
        return _URL.sub(self._url, _MARKDOWN.sub(self._markdown, _TAG.sub(self._tag, text)))

    def strip_json(self, value: Any) -> Any:  # JSON as json.loads gives it
        """The same with every text in `value`."""
        if isinstance(value, str):
            return self.strip(value)
        if isinstance(value, list):
            return [self.strip_json(each) for each in value]
        if isinstance(value, dict):
            return {key: self.strip_json(each) for key, each in value.items()}
        return value

    def _tag(self, match: re.Match[str]) -> str:
        inner = match.group()[1:-1]
        if _URL.fullmatch(inner) and self._stays(inner):
            return inner
        self.links_removed += 1
        return ""

    def _markdown(self, match: re.Match[str]) -> str:
        if self._stays(match[2]) and not match.group().startswith("!"):
            return match.group()
        self.links_removed += 1
        return match[1]

    def _url(self, match: re.Match[str]) -> str:
        if self._stays(match.group()):
            return match.group()
        self.links_removed += 1
        return _REMOVED

    def _stays(self, url: str) -> bool:
        scheme = url.partition(":")[0].lower() if ":" in url else "https"
        host = _HOST.match(url)
        return (
            scheme in ("http", "https")
            and "@" not in url
            and host is not None
            and host[1].lower() in self._links
        )


def is_nonsense(text: str) -> bool:
    """Bytes that are no text, or the same few words over and over: what broken and overheated models give."""
    broken = sum(
        not (character.isprintable() or character in "\n\r\t") or character == "\ufffd" for character in text
    )
    if broken * 20 > len(text):
        return True
    words = text.split()
    if len(words) < _FEWEST_WORDS:
        return len(text) > 200 and len(set(text.strip())) < 4
    _word, times = Counter(words).most_common(1)[0]
    return times > _REPEATED * len(words) or len(set(words)) * 12 < len(words)


def read_json(text: str, schema: Mapping[str, Any]) -> Any:  # JSON as json.loads gives it
    """JSON in `text`, alone or in one code fence, that fits `schema`. Raises OutputRefused (not_json, schema)."""
    fenced = _FENCE.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise OutputRefused("the model's answer is not the JSON it was asked for", why="not_json") from None
    error = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    if error is not None:
        where = "/".join(map(str, error.absolute_path)) or "the answer"
        rule = str(error.validator)
        raise OutputRefused(f"the model's answer does not fit its form: {where} breaks {rule}", why="schema")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class Redactions:
    """Values that stay here while a token stands for each in the prompt; one object per call, never stored."""

    _TOKEN = re.compile(r"\[\[\s*([A-Z]+-[0-9a-f]{6})\s*\]\]")

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce[:6]
        self._values: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._values)

    def hide(self, value: str) -> str:
        """The token for `value`: `[[B-1f00aa]]`."""
        number = len(self._values)
        letters = ""
        while True:
            letters = chr(ord("A") + number % 26) + letters
            number = number // 26 - 1
            if number < 0:
                break
        token = f"{letters}-{self._nonce}"
        self._values[token] = value
        return f"[[{token}]]"

    def put_back(self, text: str) -> str:
        """`text` with values for tokens. Raises OutputRefused (`token`) for one that stands for nothing."""

        def value(match: re.Match[str]) -> str:
            found = self._values.get(match[1])
            if found is None:
                raise OutputRefused("the model's answer names somebody it was not told of", why="token")
            return found

        return self._TOKEN.sub(value, text)

    def put_back_json(self, value: Any) -> Any:  # JSON as json.loads gives it
        if isinstance(value, str):
            return self.put_back(value)
        if isinstance(value, list):
            return [self.put_back_json(each) for each in value]
        if isinstance(value, dict):
            return {key: self.put_back_json(each) for key, each in value.items()}
        return value
