"""Inputs that are nearly right: bytes changed at random, and changes that know what XML, MIME, JSON, DER and ZIP are made of.

    mutate(data, kind, random, others)      one change
Everything is decided by `random`, so a change can be made again.
"""

from __future__ import annotations

import base64
import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Literal

__all__ = ["KINDS", "Kind", "mutate"]

Kind = Literal["bytes", "xml", "mime", "json", "jws", "der", "zip", "lines"]
MOST_BYTES = 256 * 1024
Change = Callable[[bytes, Random], bytes]

NUMBERS = (
    b"0",
    b"-1",
    b"1e999",
    b"NaN",
    b"2147483648",
    b"9223372036854775808",
    b"9" * 5000,
    b"0x10",
    b"1.5",
    b"00",
)
PIECES = (
    b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\r\n", b"\n", b"\r\n\r\n", b"\r",
    b"%00", b"%2F", b"%zz", b"../", b"//", b"\\", b'"', b"'", b"<", b">", b"&", b";", b":", b"=", b",", b"{", b"[", b"-", b"--",
    "\u202e".encode(), "\u0130".encode(), "\U0001f600".encode(), b" ", b"\t", b"\x0b", b"\x85", b"*", b"?", b"#", b"@", b"~",
    b"true", b"null", b"!!int ''", b"!!timestamp x", b"!!bool x", b"!!float x", b"!!binary x", b"&a *a", b"http://[", b"//[::1",
    b"; boundary=x", b"; charset=utf-7", b"*0*=x", b"name*9=", b"=?utf-8?q?x?=",
)  # fmt: skip
XML_PIECES = (
    b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>', b'<!DOCTYPE a SYSTEM "file:///etc/passwd">',
    b"&a;", b"&#0;", b"&#x110000;", b"&#xD800;", b"<!---->", b"<!-- - -->", b"<?p x?>", b"<![CDATA[x]]>", b"]]>", b"<a>", b"</a>",
    b'<?xml version="1.1"?>', b'<?xml version="1.0" encoding="UTF-16"?>', b'<?xml version="1.0" encoding="UTF-7"?>', b"<a/>",
    b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>', b' xmlns=""', b' xmlns:x="urn:x"',
    b' Id="a"', b' Id="a" id="a"', b' xsi:type="xs:string"', b' xsi:nil="true"', b' URI="#a"', b"<a xmlns:b=''/>", b"&#x85;",
)  # fmt: skip


# --- bytes


def _bytes(data: bytes, random: Random) -> bytes:
    size = len(data)
    at = random.randrange(size + 1)
    end = min(size, at + random.choice((1, 1, 2, 4, 16, 64, 1024)))
    match random.randrange(10):
        case 0 if size:
            at = random.randrange(size)
            return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]
        case 1:
            return data[:at] + data[end:]
        case 2:
            return data[:at] + data[at:end] * random.choice((2, 2, 3, 50)) + data[end:]
        case 3:
            return data[:at]
        case 4:
            return data[:at] + random.randbytes(random.choice((1, 2, 8))) + data[end:]
        case 5:
            return _number(data, random)
        case 6:
            other = random.randrange(size + 1)
            return data[:at] + data[other : other + end - at] + data[at:]
        case 7:
            return data[:at] + bytes([random.randrange(256)]) * random.choice((1, 3, 300, 5000)) + data[at:]
    return data[:at] + random.choice(PIECES) + data[random.choice((at, end)) :]


def _number(data: bytes, random: Random) -> bytes:
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return data
    match = random.choice(found)
    return data[: match.start()] + random.choice(NUMBERS) + data[match.end() :]


def _splice(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    other = random.choice(others) if others else data
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


# --- XML, as text: what a parser would not let us write can be written too

_TOKEN = re.compile(rb"<[^<>]*>")


def _elements(data: bytes) -> list[tuple[int, int]]:
    """Where elements begin and end, by their tags' order."""
    found, open_tags = [], []
    for match in _TOKEN.finditer(data):
        tag = match[0]
        if tag.startswith((b"<?", b"<!")):
            continue
        if tag.startswith(b"</"):
            if open_tags:
                found.append((open_tags.pop(), match.end()))
        elif tag.endswith(b"/>"):
            found.append((match.start(), match.end()))
        else:
            open_tags.append(match.start())
    return found


def _xml(data: bytes, random: Random) -> bytes:
    elements = _elements(data)
    tags = list(_TOKEN.finditer(data))
    if not elements or not tags:
        return _bytes(data, random)
    start, end = random.choice(elements)
    element = data[start:end]
    other = random.choice(elements)
    tag = random.choice(tags)
    match random.randrange(11):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:end] + _times(element, random.choice((1, 1, 2, 100))) + data[end:]
        case 2:  # elsewhere as well: wrapping
            return data[: other[1]] + element + data[other[1] :]
        case 3:  # moved
            rest = data[:start] + data[end:]
            at = other[0] if other[0] <= start else max(0, other[0] - (end - start))
            return rest[:at] + element + rest[at:]
        case 4:  # inside a copy of itself, or of another
            outer = data[other[0] : other[1]]
            close = outer.rfind(b"</")
            return (
                data[:start] + (outer[:close] + element + outer[close:] if close > 0 else outer) + data[end:]
            )
        case 5:
            depth = random.choice((2, 30, 600, 3000))
            return data[:start] + b"<a>" * depth + element + b"</a>" * depth + data[end:]
        case 6:
            return data[: tag.end() - 1] + random.choice(XML_PIECES) + data[tag.end() - 1 :]
        case 7:
            return data[: tag.end()] + random.choice(XML_PIECES) + data[tag.end() :]
        case 8:
            return _in_quotes(data, random)
        case 9:  # its text
            inner = element.find(b">") + 1
            return data[: start + inner] + random.choice((*PIECES, *NUMBERS, *XML_PIECES, b"")) + data[end:]
    many = random.choice((50, 500))
    attributes = b"".join(b' a%d="%d"' % (n, n) for n in range(many))
    return data[: tag.end() - 1] + attributes + data[tag.end() - 1 :]


def _in_quotes(data: bytes, random: Random) -> bytes:
    found = list(re.finditer(rb'"([^"]*)"', data))
    if not found:
        return data
    match, source = random.choice(found), random.choice(found)
    value = random.choice(
        (source[1], source[1], *PIECES[:10], b"", b"http://x-road.ee/xsd/x-road.xsd", b"x" * 3000)
    )
    return data[: match.start(1)] + value + data[match.end(1) :]


# --- MIME and other lines


def _lines(data: bytes, random: Random) -> bytes:
    ending = b"\r\n" if b"\r\n" in data else b"\n"
    lines = data.split(ending)
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines[at:at] = [lines[other]] * min(
                random.choice((1, 1, 2, 200)), MOST_BYTES // (len(lines[other]) + 1)
            )
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] += random.choice(PIECES)
        case 4:
            name, colon, value = lines[at].partition(b":")
            lines[at] = random.choice(
                (value + colon + name, name + b" " + colon + value, name, colon + value, b" " + lines[at])
            )
        case 5:
            words = lines[at].split(b" ")
            random.shuffle(words)
            lines[at] = b" ".join(words)
        case 6:
            lines[at] = lines[at][: random.randrange(len(lines[at]) + 1)]
        case _:
            return data.replace(ending, random.choice((b"\n", b"\r", b"\r\n\r\n")), random.choice((1, 3, -1)))
    return ending.join(lines)


def _mime(data: bytes, random: Random) -> bytes:
    marks = list(re.finditer(rb"(?:^|\r\n)(--[^\r\n]{1,80})", data))
    if not marks:
        return _lines(data, random)
    mark, other = random.choice(marks), random.choice(marks)
    start, end = sorted((mark.start(), other.start()))
    head_end = data.find(b"\r\n\r\n", mark.end())
    match random.randrange(9):
        case 0:  # a boundary missing
            return data[: mark.start()] + data[mark.end() :]
        case 1:  # parts twice, parts away
            return data[:end] + data[start:end] + data[end:]
        case 2:
            return data[:start] + data[end:]
        case 3:  # a boundary too many, in the middle of something
            at = random.randrange(len(data) + 1)
            return data[:at] + mark[0] + random.choice((b"", b"--", b"\r\n", b" \r\n\r\n", b"x")) + data[at:]
        case 4 if head_end > 0:  # headers, many or long or odd
            header = random.choice(
                (b"\r\nx:y", b"\r\nContent-Type: text/xml", b"\r\nContent-Length: 99999", b"\r\nX:" + b"y" * 20_000, b"\r\n folded",
                 b"\r\nno colon", b"\r\n:", b"\r\nContent-Transfer-Encoding: base64", b"\r\nContent-ID: <a>")
            )  # fmt: skip
            return data[:head_end] + header * random.choice((1, 1, 2, 500)) + data[head_end:]
        case 5:  # a multipart in a part
            inner = mark[1] + b"x"
            nested = (
                b"\r\nContent-Type: multipart/mixed; boundary="
                + inner[2:]
                + b"\r\n\r\n"
                + inner
                + b"\r\n\r\n\r\n"
                + inner
                + b"--"
            )
            return data[: mark.end()] + nested + data[mark.end() :]
        case 6:
            return data[: mark.end()] + random.choice((b"--", b" ", b"\t", b"-")) + data[mark.end() :]
        case 7:
            return _xml(data, random)
    return _lines(data, random)


# --- JSON


def _json(data: bytes, random: Random) -> bytes:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes(data, random)
    if random.random() < 0.15:
        return _bytes(data, random)
    return _dump(_json_change(document, random), random)


def _dump(document: Any, random: Random) -> bytes:
    try:
        text = json.dumps(document, ensure_ascii=random.random() < 0.5)
    except (RecursionError, ValueError):
        return b"[" * 3000
    return text.encode("utf-8", "surrogatepass")


def _json_value(random: Random) -> Any:
    plain = (
        None,
        True,
        0,
        -1,
        1.5,
        2**63,
        10**400,
        1e308,
        float("inf"),
        float("nan"),
        "",
        "\0",
        "\ud800",
        "x" * 5000,
        [],
        {},
    )
    odd = (
        [None],
        {"": None},
        {"a": {"a": []}},
        [[]] * 100,
        "2026-13-01",
        "0001-01-01T00:00:00+23:59",
        "9" * 5000,
        "/..",
        "http://[",
    )
    return random.choice(plain + odd)


def _json_change(document: Any, random: Random) -> Any:
    """One place of the document changed: a walk down that ends anywhere."""
    if random.random() < 0.25 or not isinstance(document, dict | list) or not document:
        return _json_end(document, random)
    if isinstance(document, list):
        at = random.randrange(len(document))
        return [_json_change(value, random) if n == at else value for n, value in enumerate(document)]
    chosen = random.choice(list(document))
    match random.randrange(8):
        case 0:
            return {name: value for name, value in document.items() if name != chosen}
        case 1:
            return {
                random.choice(("", "\0", name + "x", "é")) if name == chosen else name: v
                for name, v in document.items()
            }
        case 2:
            return {**document, chosen: document[random.choice(list(document))]}
    return {**document, chosen: _json_change(document[chosen], random)}


def _json_end(value: Any, random: Random) -> Any:
    match random.randrange(5):
        case 0:
            for _ in range(random.choice((1, 5, 800))):
                value = [value] if random.random() < 0.5 else {"a": value}
            return value
        case 1 if isinstance(value, list):
            return value * random.choice((0, 2, 300))
        case 2 if isinstance(value, str):
            return _bytes(value.encode("utf-8", "surrogatepass"), random).decode("utf-8", "replace")
        case 3:
            return [value, value]
    return _json_value(random)


def _jws(data: bytes, random: Random) -> bytes:
    """JSON whose texts may be base64url of JSON; compact tokens likewise."""
    try:
        document = json.loads(data)
        if not isinstance(document, dict):
            return _json(data, random)
        name = random.choice(list(document))
        document[name] = _base64_json(document[name], random)
        return _dump(document, random)
    except (ValueError, RecursionError, TypeError, AttributeError, IndexError):
        pass
    parts = data.split(b".")
    if len(parts) == 3 and random.random() < 0.7:
        at = random.randrange(3)
        parts[at] = str(_base64_json(parts[at].decode("latin-1"), random)).encode("utf-8", "replace")
        return b".".join(parts)
    return _bytes(data, random)


def _base64_json(text: Any, random: Random) -> Any:
    try:
        inner = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, TypeError):
        return _json_end(text, random)
    return base64.urlsafe_b64encode(_json(inner, random)).rstrip(b"=").decode()


# --- DER

Node = tuple[int, bytes | list[Any]]


def _read_der(data: bytes, depth: int = 0) -> list[Node]:
    """Raises ValueError for what is no DER with short tags."""
    nodes: list[Node] = []
    at = 0
    while at < len(data):
        tag = data[at]
        if at + 2 > len(data) or tag & 0x1F == 0x1F:
            raise ValueError
        length, at = data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(data[at : at + count]), at + count
        content = data[at : at + length]
        if len(content) != length:
            raise ValueError
        at += length
        nodes.append((tag, content))
        if depth < 30 and (tag & 0x20 or tag in (0x04, 0x03)):
            try:
                inner = _read_der(content[tag == 0x03 :], depth + 1)
                if inner and (tag & 0x20 or content[:1] == b"\x30"):
                    nodes[-1] = (tag, inner)
            except ValueError:
                pass
    return nodes


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0x80 | len(octets)]) + octets


def _write_der(nodes: list[Node]) -> bytes:
    out = []
    for tag, content in nodes:
        data = (
            content if isinstance(content, bytes) else (b"\x00" if tag == 0x03 else b"") + _write_der(content)
        )
        out.append(bytes([tag]) + _length(len(data)) + data)
    return b"".join(out)


def _der(data: bytes, random: Random) -> bytes:
    try:
        tree = _read_der(data)
    except ValueError:
        return _bytes(data, random)
    lists = [tree]
    for nodes in lists:
        lists += [content for _, content in nodes if isinstance(content, list)]
    nodes = random.choice([found for found in lists if found] or [tree])
    if not nodes:
        return _bytes(data, random)
    at = random.randrange(len(nodes))
    tag, content = nodes[at]
    match random.randrange(9):
        case 0:
            del nodes[at]
        case 1:
            most = MOST_BYTES // len(_write_der([nodes[at]]))
            nodes[at:at] = [nodes[at]] * min(random.choice((1, 1, 2, 1000)), most)
        case 2:
            nodes[at] = (
                random.choice(
                    (0x01, 0x02, 0x03, 0x05, 0x06, 0x0A, 0x0C, 0x17, 0x18, 0x30, 0x31, 0xA0, 0x80, 0x1E)
                ),
                content,
            )
        case 3:
            other_tag, other = random.choice(random.choice([found for found in lists if found]))
            nodes[at] = (other_tag, other if isinstance(other, bytes) else _write_der(other))
        case 4 if isinstance(content, bytes):
            nodes[at] = (tag, _bytes(content, random))
        case 5:
            nested: Node = (tag, content)
            for _ in range(random.choice((2, 30, 400))):
                nested = (random.choice((0x30, 0xA0)), _write_der([nested]))
            nodes[at] = nested
        case 6:
            nodes[at] = (
                tag,
                random.choice(
                    (
                        b"",
                        b"\x00",
                        b"\xff" * 2000,
                        b"\x80" * 3000 + b"\x01",
                        b"99999999999999Z",
                        b"000000000000Z",
                    )
                ),
            )
        case 7:
            random.shuffle(nodes)
        case _:
            return _bytes(data, random)
    return _write_der(tree)


# --- ZIP


def _zip(data: bytes, random: Random) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    except Exception:
        return _bytes(data, random)
    if not entries or random.random() < 0.3:
        return _bytes(data, random)
    at = random.randrange(len(entries))
    name, content = entries[at]
    match random.randrange(6):
        case 0:
            del entries[at]
        case 1:
            entries[at:at] = [entries[at]] * random.choice((1, 30))
        case 2:
            entries[at] = (
                random.choice((name.upper(), "../" + name, name + "\0x", ".", "/" + name, "é", name + "/")),
                content,
            )
        case 3:
            entries[at] = (name, random.choice((b"", b"\x00" * 3_000_000, random.choice(entries)[1])))
        case _:
            entries[at] = (name, random.choice((_xml, _der, _lines, _bytes))(content, random))
    out = io.BytesIO()
    compression = random.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
    )
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", compression) as written:
        warnings.simplefilter("ignore")  # names twice are what we want
        for name, content in entries:
            written.writestr(name, content)
    return out.getvalue()


KINDS: dict[Kind, Change] = {
    "bytes": _bytes,
    "xml": _xml,
    "mime": _mime,
    "json": _json,
    "jws": _jws,
    "der": _der,
    "zip": _zip,
    "lines": _lines,
}  # fmt: skip


def _times(piece: bytes, count: int) -> bytes:
    """As often as that, but nothing of megabytes: changes follow one another."""
    return piece * max(1, min(count, MOST_BYTES // (len(piece) + 1)))


def mutate(data: bytes, kind: Kind, random: Random, others: Sequence[bytes]) -> bytes:
    """One change: of its kind mostly, else of bytes, or two inputs joined."""
    chance = random.random()
    if chance < 0.65:
        return KINDS[kind](data, random)[:MOST_BYTES]
    return (_bytes(data, random) if chance < 0.95 else _splice(data, random, others))[:MOST_BYTES]
