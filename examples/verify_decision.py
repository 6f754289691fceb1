"""Check a decision of the state without trusting the state: one file, standard library alone, no network.

    python verify_decision.py BUNDLE --trust CERTIFICATES.pem [--trust MORE.pem] [--head KEPT.txt] [--json]

BUNDLE: what "Download the evidence" gave.  --trust: certificates you believe, from another source than the bundle: of the
authority that certifies the state's seals, and of the time-stamping authority or the one that certifies it; as many files as you
like, so that those of former years can be given, too.  --head: a checkpoint of the same log that you or somebody else kept
earlier; the log must have grown from it.

It says in plain words what holds and what does not. Ends with 0: all of it holds; 1: something does not; 2: cannot tell.
What it does not ask: whether a certificate was revoked, and whether the rules give this outcome (`sild decisions replay` does).
A time-stamp proves that the decision was in the log by then, and a bundle has the first one that covered it beside the newest:
that it was made days before that is the body's own word.

RFC 8785 (canonical JSON), RFC 6962 (Merkle tree), C2SP tlog-checkpoint, RFC 5280, RFC 5652, RFC 3161, FIPS 186-5.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

HOLDS, BROKEN, UNKNOWN = "holds", "BROKEN", "cannot tell"
CLOCKS_MAY_DIFFER = timedelta(seconds=2)  # a time-stamp may come in whole seconds
LATE = timedelta(days=2)
MOST_BYTES = 64 << 20  # of a bundle
MOST_CERTIFICATES = 8  # of a chain: each costs a signature
MOST_KEY_BITS = (
    8192  # of RSA: a power of larger numbers takes minutes, which is what whoever sends one is after
)
INTEGRITY = {"record_sha256", "previous", "position", "leaf", "checkpoint", "seal", "timestamp"}
BUNDLE = {
    "schema",
    "record",
    "chain",
    "inclusion",
    "entries",
    "certificates",
    "values",
    "package",
    "consistency",
}
BUNDLES = {
    "sild.bundle/1": BUNDLE,  # the log under the key of the seal; without its first time-stamp
    "sild.bundle/2": BUNDLE | {"first", "log_certificates"},
}
FIRST = {"checkpoint", "timestamp", "inclusion", "consistency", "certificates"}
LINK = {"authority", "case", "decided_at", "decision", "position", "previous", "record"}


class Broken(Exception):
    """Says what does not hold."""


def need(condition: object, reason: str) -> None:
    if not condition:
        raise Broken(reason)


# Canonical JSON (RFC 8785) of text, whole numbers, truth values, null, lists and objects; a decision has no floats.


def canonical(value: Any) -> bytes:
    def render(part: Any) -> str:
        if isinstance(part, dict):
            names = sorted(part, key=lambda name: name.encode("utf-16-be"))
            return "{" + ",".join(f"{render(name)}:{render(part[name])}" for name in names) + "}"
        if isinstance(part, list):
            return "[" + ",".join(map(render, part)) + "]"
        need(not isinstance(part, float), "a number with a fraction, which a decision never has")
        return json.dumps(part, ensure_ascii=False)

    return render(value).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unbase64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 that has another spelling")
    return data


def unhex(text: str) -> bytes:
    data = bytes.fromhex(text)
    need(data.hex() == text, "hexadecimal that has another spelling")
    return data


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# Merkle tree (RFC 6962 2.1; the checks are those of RFC 9162 2.1.3.2 and 2.1.4.2)


def join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from(leaf: bytes, number: int, size: int, path: list[str]) -> bytes:
    need(0 <= number < size, "a leaf outside of the tree")
    found, at, last = hashlib.sha256(b"\x00" + leaf).digest(), number, size - 1
    for step in map(unhex, path):
        need(last > 0, "a path that is too long")
        if at & 1 or at == last:
            found = join(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = join(found, step)
        at, last = at >> 1, last >> 1
    need(last == 0, "a path that is too short")
    return found


def is_grown(old: int, old_root: bytes, size: int, root: bytes, path: list[str]) -> bool:
    steps = [unhex(step) for step in path]
    if old == size:
        return not steps and old_root == root
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not 0 < old < size or not steps:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = join(step, first), join(step, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = join(second, step)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == root


# Signatures (FIPS 186-5): ECDSA on P-256 and P-384, RSA PKCS #1 v1.5


class Curve(NamedTuple):
    p: int
    n: int
    b: int
    g: tuple[int, int]


P256 = Curve(
    0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    (
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
)
P384 = Curve(
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF,
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    (
        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
    ),
)
Point = tuple[int, int, int]  # Jacobian: (x / z^2, y / z^3); z = 0 is the point at infinity


def double(point: Point, p: int) -> Point:
    x, y, z = point
    if not y or not z:
        return 0, 1, 0
    slope = 3 * (x - z * z) * (x + z * z) % p  # a = -3
    s = 4 * x * y * y % p
    x3 = (slope * slope - 2 * s) % p
    return x3, (slope * (s - x3) - 8 * pow(y, 4, p)) % p, 2 * y * z % p


def add(first: Point, second: Point, p: int) -> Point:
    if not first[2] or not second[2]:
        return second if not first[2] else first
    (x1, y1, z1), (x2, y2, z2) = first, second
    u1, u2 = x1 * z2 * z2 % p, x2 * z1 * z1 % p
    s1, s2 = y1 * z2 * z2 * z2 % p, y2 * z1 * z1 * z1 % p
    if u1 == u2:
        return double(first, p) if s1 == s2 else (0, 1, 0)
    h, r = u2 - u1, s2 - s1
    hh = h * h % p
    x3 = (r * r - h * hh - 2 * u1 * hh) % p
    return x3, (r * (u1 * hh - x3) - s1 * h * hh) % p, h * z1 * z2 % p


def is_ecdsa(curve: Curve, key: tuple[int, int], digest: bytes, signature: bytes) -> bool:
    p, n = curve.p, curve.n
    x, y = key
    if not (0 <= x < p and 0 <= y < p) or (y * y - x * x * x + 3 * x - curve.b) % p:
        return False
    parts = children(only(signature, 0x30))
    if len(parts) != 2:
        return False
    r, s = (integer(part) for part in parts)
    if not (0 < r < n and 0 < s < n):
        return False
    bits = n.bit_length()
    e = int.from_bytes(digest) >> max(0, 8 * len(digest) - bits)
    inverse = pow(s, -1, n)
    u, v = e * inverse % n, r * inverse % n
    g, q = (*curve.g, 1), (x, y, 1)
    table = ((0, 1, 0), g, q, add(g, q, p))
    found: Point = (0, 1, 0)
    for bit in range(bits - 1, -1, -1):  # both multiplications at once (Shamir)
        found = add(double(found, p), table[(u >> bit & 1) + 2 * (v >> bit & 1)], p)
    return bool(found[2]) and found[0] * pow(found[2], -2, p) % p % n == r


DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


def is_rsa(modulus: int, exponent: int, digest: str, data: bytes, signature: bytes) -> bool:
    size = (modulus.bit_length() + 7) // 8
    encoded = DIGEST_INFO[digest] + hashlib.new(digest, data).digest()
    if len(signature) != size or size < 256 or int.from_bytes(signature) >= modulus:
        return False
    expected = b"\x00\x01" + b"\xff" * (size - len(encoded) - 3) + b"\x00" + encoded
    return pow(int.from_bytes(signature), exponent, modulus).to_bytes(size) == expected


# DER, as little as certificates and time-stamp tokens need


class Element(NamedTuple):
    tag: int
    content: bytes
    whole: bytes


def children(data: bytes) -> list[Element]:
    found, at = [], 0
    while at < len(data):
        need(len(data) >= at + 2, "cut DER")
        tag, length, begin = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            need(0 < count <= 3 and len(data) >= begin + count, "DER with a bad length")
            length, begin = int.from_bytes(data[begin : begin + count]), begin + count
            need(length >= (0x80 if count == 1 else 1 << 8 * (count - 1)), "DER with a length too long")
        need(tag & 0x1F != 0x1F and begin + length <= len(data), "cut DER")
        found.append(Element(tag, data[begin : begin + length], data[at : begin + length]))
        at = begin + length
    return found


def only(data: bytes, tag: int) -> bytes:
    found = children(data)
    need(len(found) == 1 and found[0].tag == tag, "DER of another kind")
    return found[0].content


def elements(data: bytes, *tags: int) -> list[Element]:
    found = children(data)
    need([one.tag for one in found] == list(tags), "DER of another form")
    return found


def parts(data: bytes, *tags: int) -> list[bytes]:
    return [one.content for one in elements(data, *tags)]


def integer(element: Element) -> int:
    content = element.content
    need(element.tag == 0x02 and content, "no integer in DER")
    need(
        len(content) == 1 or content[0] not in (0, 0xFF) or (content[0] ^ content[1]) & 0x80,
        "integer too long",
    )
    return int.from_bytes(content, signed=True)


def bits(content: bytes) -> bytes:
    need(content and content[0] == 0, "a bit string with a rest")
    return content[1:]


def der_time(element: Element) -> datetime:
    form = {0x17: r"\d{12}Z", 0x18: r"\d{14}(\.\d*[1-9])?Z"}.get(element.tag)
    text = element.content.decode("ascii")
    need(form and re.fullmatch(form, text), "a time that is none")
    if element.tag == 0x17:
        text = ("20" if text < "5" else "19") + text
    whole, _, part = text.rstrip("Z").partition(".")
    at = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return at + timedelta(seconds=float(f"0.{part or 0}"))


SIGNATURES = {  # object identifier: kind, digest
    "2a864886f70d01010b": ("rsa", "sha256"),
    "2a864886f70d01010c": ("rsa", "sha384"),
    "2a864886f70d01010d": ("rsa", "sha512"),
    "2a8648ce3d040302": ("ec", "sha256"),
    "2a8648ce3d040303": ("ec", "sha384"),
    "2a8648ce3d040304": ("ec", "sha512"),
}
DIGESTS = {"608648016503040201": "sha256", "608648016503040202": "sha384", "608648016503040203": "sha512"}
CURVES = {"2a8648ce3d030107": P256, "2b81040022": P384}
RSA_ENCRYPTION, EC_KEY = "2a864886f70d010101", "2a8648ce3d0201"
BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_USAGE, NAME_CONSTRAINTS = "551d13", "551d0f", "551d25", "551d1e"
ALL_USAGES, NO_USAGES = b"\x03\x02\x00\xff", b"\x03\x02\x07\x00"
ORGANIZATION_IDENTIFIER = "550461"
TIME_STAMPING, OCSP_SIGNING = "2b06010505070308", "2b06010505070309"
SIGNED_DATA, TST_INFO = "2a864886f70d010702", "2a864886f70d0109100104"
CONTENT_TYPE, MESSAGE_DIGEST = "2a864886f70d010903", "2a864886f70d010904"
SIGNING_CERTIFICATE_V2 = "2a864886f70d010910022f"


def algorithm(content: bytes) -> tuple[str, bytes]:
    """AlgorithmIdentifier: object identifier (hexadecimal), parameters."""
    found = children(content)
    need(found and found[0].tag == 0x06 and len(found) <= 2, "an algorithm that is none")
    return found[0].content.hex(), found[1].whole if len(found) == 2 else b""


def digest_of(content: bytes) -> str:
    identifier, parameters = algorithm(content)
    need(identifier in DIGESTS and parameters in (b"", b"\x05\x00"), "an unknown digest")
    return DIGESTS[identifier]


class Certificate:
    """RFC 5280, as far as a chain of seals and time-stamps goes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        signed, outer, signature = elements(only(data, 0x30), 0x30, 0x30, 0x03)
        fields = children(signed.content)
        need(fields[0].tag == 0xA0, "a certificate that is not version 3")
        need(outer.whole == fields[2].whole, "a certificate with two signature algorithms")
        self.signed, self.signature = signed.whole, bits(signature.content)
        self.algorithm = algorithm(outer.content)
        self.serial, self.issuer, self.subject = fields[1].content, fields[3].whole, fields[5].whole
        self.begins, self.ends = map(der_time, children(fields[4].content))
        self.key_info = fields[6].whole
        self.kind, self.key = public_key(fields[6].content)
        self.extensions: dict[str, bytes] = {}
        for one in children(only(fields[-1].content, 0x30)) if fields[-1].tag == 0xA3 else ():
            inner = children(one.content)
            name = inner[0].content.hex()
            is_critical = len(inner) == 3 and inner[1].content == b"\xff"
            known = name in (BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_USAGE)
            need(known or not is_critical, f"a certificate with an unknown critical extension {name}")
            self.extensions[name] = inner[-1].content

    def usages(self, otherwise: bytes) -> int:
        content = only(self.extensions.get(KEY_USAGE, otherwise), 0x03)
        return (
            content[1] if len(content) > 1 else 0
        )  # 0x80 digitalSignature, 0x40 nonRepudiation, 0x04 keyCertSign

    @property
    def calls_itself_authority(self) -> bool:
        constraints = only(self.extensions.get(BASIC_CONSTRAINTS, b"\x30\x00"), 0x30)
        return constraints.startswith(b"\x01\x01\xff")

    @property
    def is_authority(self) -> bool:
        may_certify = self.usages(otherwise=ALL_USAGES) & 0x04
        return self.calls_itself_authority and bool(may_certify) and NAME_CONSTRAINTS not in self.extensions

    @property
    def is_for_seals(self) -> bool:
        purposes = children(only(self.extensions.get(EXTENDED_USAGE, b"\x30\x00"), 0x30))
        serves_others = {one.content.hex() for one in purposes} & {TIME_STAMPING, OCSP_SIGNING}
        is_sealing = bool(self.usages(otherwise=NO_USAGES) & 0x40)
        return is_sealing and not serves_others and not self.calls_itself_authority

    def may_stand_above(self, authorities: int) -> bool:
        """Its pathLenConstraint: how many authorities there may be between it and the end (RFC 5280 4.2.1.9)."""
        constraints = children(only(self.extensions.get(BASIC_CONSTRAINTS, b"\x30\x00"), 0x30))
        return len(constraints) < 2 or authorities <= integer(constraints[1])

    @property
    def organization(self) -> str | None:
        found = []
        for relative in children(only(self.subject, 0x30)):
            for attribute in children(relative.content):
                identifier, value = children(attribute.content)
                if identifier.content.hex() == ORGANIZATION_IDENTIFIER:
                    found.append(value.content.decode())
        return found[0] if len(found) == 1 else None

    def has_signed(self, kind: str, digest: str, data: bytes, signature: bytes) -> bool:
        if kind != self.kind:
            return False
        if kind == "rsa":
            return is_rsa(*self.key, digest, data, signature)
        return is_ecdsa(*self.key, hashlib.new(digest, data).digest(), signature)

    def is_issued_by(self, other: Certificate) -> bool:
        identifier, parameters = self.algorithm
        kind, digest = SIGNATURES.get(identifier, ("", ""))
        fits = parameters == (b"\x05\x00" if kind == "rsa" else b"")
        named = self.issuer == other.subject and other.is_authority
        return fits and named and other.has_signed(kind, digest, self.signed, self.signature)


def public_key(content: bytes) -> tuple[str, Any]:
    kind, key = parts(content, 0x30, 0x03)
    identifier, parameters = algorithm(kind)
    if identifier == RSA_ENCRYPTION:
        modulus, exponent = map(integer, children(only(bits(key), 0x30)))
        need(
            modulus.bit_length() <= MOST_KEY_BITS and 2 < exponent < 1 << 64, "an RSA key of an unknown size"
        )
        return "rsa", (modulus, exponent)
    need(identifier == EC_KEY, "a key of an unknown kind")
    curve, point = CURVES.get(only(parameters, 0x06).hex()), bits(key)
    need(curve and point[:1] == b"\x04" and len(point) % 2, "a curve or point of an unknown kind")
    half = len(point) // 2
    return "ec", (curve, (int.from_bytes(point[1 : half + 1]), int.from_bytes(point[half + 1 :])))


# Whose seal is believed: the rule of `sild.pki.verify_seal`, said again; one table of attacks holds the two together


def check_sealer(certificate: Certificate, body: str, what: str) -> None:
    """That a certificate is one for seals of this body."""
    need(
        certificate.kind == "ec" and certificate.key[0] is P256, f"the key of {what} is of another algorithm"
    )
    need(certificate.organization == body, f"the key of {what} is not of the body that decided, {body}")
    need(certificate.is_for_seals, f"the certificate of {what} is not for seals")


def check_chain(chain: list[Certificate], trusted: list[Certificate], at: datetime, what: str) -> None:
    """That chain[0] leads to one that is trusted, and all on the way was valid at a time; nothing in the chain is left unchecked."""
    is_trusted = False
    need(len({one.data for one in chain}) == len(chain), f"certificates of {what} that are there twice")
    for number, one in enumerate(chain):
        need(one.begins <= at <= one.ends, f"the certificate of {what} was not valid at {at.isoformat()}")
        is_named = any(one.data == other.data for other in trusted)
        is_trusted = is_trusted or is_named
        above = chain[number + 1 : number + 2]
        if not above and is_trusted:
            certified = any(one.is_issued_by(other) for other in (one, *trusted))
            need(is_named or certified, f"certificates of {what} that lead nowhere")
            return
        above = above or [other for other in trusted if other.begins <= at <= other.ends]
        fits = any(one.is_issued_by(other) and other.may_stand_above(number) for other in above)
        need(
            fits,
            f"the chain of {what} is broken"
            if number + 1 < len(chain)
            else f"{what} is certified by nobody you trust",
        )


# The bundle


def check_record(record: dict[str, Any], integrity: dict[str, Any]) -> dict[str, Any]:
    """The hash of the record, and its link as it must have been sealed."""
    body = {name: value for name, value in record.items() if name != "integrity"}
    found = sha256(canonical(body))
    need(found == integrity["record_sha256"], "the record was altered: its hash is another")
    milliseconds = int(body["id"].replace("-", "")[:12], 16)
    at = moment(body["decided_at"])
    made = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    need(timedelta(0) <= at - made < timedelta(milliseconds=1), "its number and time do not agree")
    late = [one for one in body["inputs"] if one["fetched_at"] and moment(one["fetched_at"]) > at]
    need(
        not late,
        f"clocks disagree: decided {body['decided_at']}, with facts that came after it: "
        + ", ".join(f"{one['name']} at {one['fetched_at']}" for one in late),
    )
    return {
        "authority": body["authority"],
        "case": body["case"],
        "decided_at": body["decided_at"],
        "decision": body["id"],
        "position": integrity["position"],
        "previous": integrity["previous"],
        "record": found,
    }


BY = {
    "PARENT": "a parent, by law",
    "GUARDIAN": "a guardian",
    "BOARD": "a member of the board",
    "POWER_OF_ATTORNEY": "by power of attorney",
    "RECORDED": "a clerk, on a mandate for this one case",
}


def said_for(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Who acted for another, and by what right."""
    named = record["representation"]
    if named is None:
        return
    people = {one["ref"]: one["role"] for one in record["subjects"]}
    for one in (named, *named.get("further", ())):
        role = people.get(one.get("representee"), "one whom it is not about")
        right = BY.get(one.get("basis"), "by a mandate")
        yield (
            HOLDS,
            f"somebody acted for another ({right}; for: {role}): mandate {one['mandate']}, its chain SHA-256 {one['chain_sha256']}",
        )


WORDS = {
    "notice": "sent the notice",
    "consent": "consented as an owner",
    "refusal": "refused as an owner",
    "joining": "said that they join",
    "custody": "agreed as a child's custodian",
}


def said_by_people(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What people said that an official's message carried, each word with its own proof."""
    people = {one["ref"]: one["role"] for one in record["subjects"]}
    for one in record.get("words") or ():
        who = people.get(one["by"], "somebody whom it is not about")
        said = WORDS.get(one["says"], one["says"])
        right = "" if one["mandate"] is None else f", {BY.get(one['basis'], 'by a mandate')}"
        yield (
            HOLDS,
            f"{who} {said}{right} on {one['said_at']}: token {one['proof']}, statement SHA-256 {one['statement_sha256']}",
        )


def check_case(link: dict[str, Any], earlier: list[dict[str, Any]]) -> None:
    previous, at = None, datetime.min.replace(tzinfo=UTC)
    for number, one in enumerate([*earlier, link]):
        need(set(one) == LINK, "a link of the case with other fields")
        need(one["position"] == number, "decisions of the case are missing or out of order")
        need(one["previous"] == previous, "the chain of the case is broken")
        need(one["case"] == link["case"] and one["authority"] == link["authority"], "a link of another case")
        need(moment(one["decided_at"]) >= at, "the case goes back in time")
        previous, at = sha256(canonical(one)), moment(one["decided_at"])


def check_values(record: dict[str, Any], values: dict[str, Any]) -> tuple[int, int]:
    """Every opened value is the one the record commits to; how many are open, and how many sealed values there are."""
    commitments: dict[str, str] = {}

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if set(part) == {"sealed", "sha256"}:
                commitments[part["sealed"]] = part["sha256"]
            for one in part.values():
                walk(one)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk(record)
    if record["trace"] is not None:
        commitments[record["trace"]["blob"]] = record["trace"]["root"]
    for one in record["inputs"]:
        value = one["value"]
        found = value["sha256"] if isinstance(value, dict) else sha256(canonical(value))
        need(found == one["sha256"], f"the fact {one['name']} is not the one whose hash stands beside it")
    for ref, opened in values.items():
        need(ref in commitments, f"an opened value {ref} that the record does not know")
        salt = unhex(opened["salt"])
        need(len(salt) == 32 and set(opened) == {"salt", "value"}, f"no salt of {ref}")
        found = hmac.new(salt, canonical(opened["value"]), hashlib.sha256).hexdigest()
        need(found == commitments[ref], f"the opened value {ref} is not the one that was sealed")
    return len(values), len(commitments)


def check_package(record: dict[str, Any], package: dict[str, str]) -> None:
    need(record["rules"], "rules that the decision does not name")
    listed = {path: sha256(unbase64(content)) for path, content in package.items()}
    need(sha256(canonical(listed)) == record["rules"]["sha256"], "the rules are not those it was made by")


class Checkpoint:
    """C2SP tlog-checkpoint in a signed-note with one ECDSA signature (type 0x02)."""

    def __init__(self, note: str) -> None:
        form = r"((\S+)\n(0|[1-9]\d*)\n([A-Za-z0-9+/=]+)\n)\n— (\S+) ([A-Za-z0-9+/=]+)\n"
        found = re.fullmatch(form, note)
        if found is None:
            raise Broken("a checkpoint that is none")
        self.text, self.origin, size, root, name, signature = found.groups()
        self.size, self.root, self.signature = int(size), unbase64(root), unbase64(signature)
        need(name == self.origin and "+" not in name, "a checkpoint signed under another name")

    def check(self, key: Certificate) -> None:
        need(
            self.signature[:4] == hashlib.sha256(key.key_info).digest()[:4],
            "the checkpoint is of another key",
        )
        signed = key.has_signed("ec", "sha256", self.text.encode(), self.signature[4:])
        need(signed, "the checkpoint is forged: its signature does not fit")


class Token:
    """A TimeStampToken (RFC 3161) of one signer, whose certificate it holds; nothing in it is left unchecked."""

    def __init__(self, data: bytes, stamped: bytes) -> None:
        kind, wrapped = parts(only(data, 0x30), 0x06, 0xA0)
        need(kind.hex() == SIGNED_DATA, "a time-stamp that is no signed data")
        fields = children(only(wrapped, 0x30))
        need(
            [one.tag for one in fields] == [0x02, 0x31, 0x30, 0xA0, 0x31],
            "a time-stamp token of another form",
        )
        need(integer(fields[0]) == 3, "a time-stamp token of another version")
        content_type, content = parts(fields[2].content, 0x06, 0xA0)
        need(content_type.hex() == TST_INFO, "a token over something else")
        info = only(content, 0x04)
        self._read_info(info, stamped)
        held = children(fields[3].content)
        need(len(held) <= MOST_CERTIFICATES, "more certificates than a chain has")
        self.certificates = [Certificate(one.whole) for one in held]
        signers = children(fields[4].content)
        need([one.tag for one in signers] == [0x30], "a time-stamp of several signers")
        form = (0x02, 0x30, 0x30, 0xA0, 0x30, 0x04)
        version, signer, digest, attributes, kind_of, signature = elements(signers[0].content, *form)
        need(integer(version) == 1, "a signer of another version")
        need([one.whole for one in children(fields[1].content)] == [digest.whole], "two lists of digests")
        name = digest_of(digest.content)
        self._check_attributes(attributes.content, name, info)
        issuer, serial = elements(signer.content, 0x30, 0x02)
        mine = [
            one for one in self.certificates if one.issuer == issuer.whole and one.serial == serial.content
        ]
        need(
            len(mine) == 1 and hashlib.new(self.named[0], mine[0].data).digest() == self.named[1],
            "a time-stamp bound to another certificate",
        )
        rest = [one for one in self.certificates if one is not mine[0]]
        self.chain = ordered(mine[0], rest)
        identifier, parameters = algorithm(kind_of.content)
        plain = mine[0].kind == "rsa" and identifier == RSA_ENCRYPTION
        need(plain or SIGNATURES.get(identifier) == (mine[0].kind, name), "signed by another algorithm")
        need(parameters == (b"\x05\x00" if mine[0].kind == "rsa" else b""), "a signature with odd parameters")
        signed = b"\x31" + attributes.whole[1:]
        fits = mine[0].has_signed(mine[0].kind, name, signed, signature.content)
        need(fits, "the time-stamp is forged: its signature does not fit")
        usage = mine[0].extensions.get(EXTENDED_USAGE, b"\x30\x00")
        need(
            [one.content.hex() for one in children(only(usage, 0x30))] == [TIME_STAMPING],
            "no time-stamping authority",
        )

    def _read_info(self, info: bytes, stamped: bytes) -> None:
        fields = children(only(info, 0x30))
        need(integer(fields[0]) == 1, "a time-stamp of another version")
        digest, imprint = parts(fields[2].content, 0x30, 0x04)
        fits = hashlib.new(digest_of(digest), stamped).digest() == imprint
        need(fits, "the time-stamp covers another checkpoint")
        self.at = der_time(fields[4])

    def _check_attributes(self, content: bytes, digest: str, info: bytes) -> None:
        found: dict[str, bytes] = {}
        for one in children(content):
            kind, values = parts(one.content, 0x06, 0x31)
            need(kind.hex() not in found, "a signed attribute twice")
            found[kind.hex()] = values
        need(
            only(found.get(CONTENT_TYPE, b""), 0x06).hex() == TST_INFO, "the signature is over something else"
        )
        need(
            only(found.get(MESSAGE_DIGEST, b""), 0x04) == hashlib.new(digest, info).digest(),
            "the time-stamp was altered",
        )
        listed = children(only(found.get(SIGNING_CERTIFICATE_V2, b""), 0x30))
        first = children(children(listed[0].content)[0].content)  # ESSCertIDv2
        self.named = "sha256" if first[0].tag == 0x04 else digest_of(first[0].content), first[-1].content


def ordered(first: Certificate, rest: list[Certificate]) -> list[Certificate]:
    chain = [first]
    while rest:
        above = [one for one in rest if one.subject == chain[-1].issuer]
        need(above, "certificates that lead nowhere")
        chain.append(above[0])
        rest = [one for one in rest if one is not above[0]]
    return chain


Finding = tuple[str, str]


def findings(data: bytes, trusted_der: list[bytes], head: str | None = None) -> Iterator[Finding]:
    """One after the other, what holds and what does not; what is quickly found comes first."""
    try:
        yield from _findings(data, trusted_der, head)
    except Broken as reason:
        yield BROKEN, str(reason)
    except (
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        yield BROKEN, f"the file is not a decision's bundle: {type(error).__name__}"


def _findings(data: bytes, trusted_der: list[bytes], head: str | None) -> Iterator[Finding]:
    need(len(data) <= MOST_BYTES, "longer than any decision")
    bundle = json.loads(data)
    need(canonical(bundle) + b"\n" == data, "not in canonical form: altered, or spelled anew")
    need(set(bundle) == BUNDLES.get(bundle.get("schema")), "a bundle with other fields")
    record, integrity = bundle["record"], bundle["record"]["integrity"]
    need(set(integrity) == INTEGRITY, "integrity with other fields")
    link = check_record(record, integrity)
    yield (
        HOLDS,
        f"the record is whole: {record['id']}, decided {record['decided_at']} by {record['authority']}",
    )
    check_case(link, bundle["chain"])
    yield HOLDS, f"it is decision {link['position'] + 1} of its case, and those before it are in order"
    opened, sealed = check_values(record, bundle["values"])
    yield (
        HOLDS,
        f"its facts are those it names; of {sealed} sealed values {opened} are open here and are what was sealed",
    )
    yield from said_for(record)
    yield from said_by_people(record)
    if bundle["package"] is not None:
        check_package(record, bundle["package"])
        yield HOLDS, f"the rules are {record['rules']['package']} {record['rules']['version']}, file by file"
    seal = integrity["seal"]
    leaf = canonical({"kind": "decision", "link": link, "seal": seal})
    checkpoint = None if integrity["checkpoint"] is None else Checkpoint(integrity["checkpoint"])
    yield from check_log(bundle, integrity, leaf, checkpoint, head)
    first = check_first(bundle, integrity, leaf, checkpoint)

    trusted = [Certificate(one) for one in trusted_der]
    stamped = decided = moment(record["decided_at"])
    if checkpoint is not None:
        token = head_token(integrity)
        yield from check_time(decided, first or token, trusted)
        if token is not None:
            stamped = token.at
            yield from check_newest(token, first, trusted)
    need(
        set(seal) == {"algorithm", "certificate", "value"} and seal["algorithm"] == "ES256",
        "a seal of another kind",
    )
    need(len(bundle["certificates"]) <= MOST_CERTIFICATES, "more certificates than a chain has")
    chain = [Certificate(unbase64(one)) for one in bundle["certificates"]]
    need(chain and sha256(chain[0].data) == seal["certificate"], "the seal names another certificate")
    check_sealer(chain[0], record["authority"], "the seal")
    if trusted:
        check_chain(chain, trusted, moment(record["decided_at"]), "the seal")
        yield HOLDS, f"the key is certified for {record['authority']} by an authority you trust"
    else:
        check_chain(chain, chain[-1:], moment(record["decided_at"]), "the seal")
        yield (
            UNKNOWN,
            f"whether to trust the seal: no --trust was given; its certificate is SHA-256 {sha256(chain[-1].data)}",
        )
    need(
        chain[0].has_signed("ec", "sha256", canonical(link), unbase64(seal["value"])),
        "the seal does not fit: forged or altered",
    )
    yield HOLDS, "the seal of the body is on it" if trusted else "the seal fits the key of that certificate"
    if checkpoint is not None:
        yield from check_log_key(
            checkpoint, bundle.get("log_certificates"), chain, record, stamped, trusted, "the checkpoint"
        )
    if first is not None:
        earlier = bundle["first"]
        yield from check_log_key(
            Checkpoint(earlier["checkpoint"]),
            earlier["certificates"],
            chain,
            record,
            first.at,
            trusted,
            "the first checkpoint",
        )


def check_log(
    bundle: dict[str, Any],
    integrity: dict[str, Any],
    leaf: bytes,
    checkpoint: Checkpoint | None,
    head: str | None,
) -> Iterator[Finding]:
    if checkpoint is None:
        need(
            integrity["leaf"] is None and integrity["timestamp"] is None and bundle["inclusion"] is None,
            "a leaf without a log",
        )
        need(
            all(one["leaf"] is None and one["path"] is None for one in bundle["entries"]),
            "a leaf without a log",
        )
        need(bundle["consistency"] is None, "a leaf without a log")
        yield (
            UNKNOWN,
            "whether it is in the log: it was made so lately that no checkpoint covers it; ask for the bundle again",
        )
        return
    number = integrity["leaf"]["number"]
    need(
        integrity["leaf"] == {"number": number, "sha256": sha256(b"\x00" + leaf)},
        "the leaf of the log is another one",
    )
    root = root_from(leaf, number, checkpoint.size, bundle["inclusion"])
    need(root == checkpoint.root, "the decision is not in the log of this checkpoint")
    yield HOLDS, f"it is leaf {number} of {checkpoint.size} in the log {checkpoint.origin}"
    for one in bundle["entries"]:
        content = one["content"]
        need(
            set(one) == {"content", "leaf", "path"} and content["decision"] == bundle["record"]["id"],
            "an entry of another decision",
        )
        decided = bundle["record"]["decided_at"]
        need(
            moment(content["at"]) + CLOCKS_MAY_DIFFER >= moment(decided),
            f"clocks disagree: decided {decided}, and {content['kind']} before that, at {content['at']}",
        )
        said = f"{content['kind']} {content.get('event', content.get('value', ''))} at {content['at']}"
        if content.get("to") is not None:  # those of earlier versions do not say
            need(
                content["to"] in {one["ref"] for one in bundle["record"]["subjects"]},
                "a delivery to somebody the decision is not about",
            )
            said += f" to {content['to'][:10]}… by {content['channel']}"
        if one["leaf"] is None:
            need(one["path"] is None, "a path without a leaf")
            yield UNKNOWN, f"whether this was logged, which came later than the checkpoint: {said}"
            continue
        root = root_from(canonical(content), one["leaf"], checkpoint.size, one["path"])
        need(root == checkpoint.root, f"not in the log: {said}")
        yield HOLDS, f"logged, too: {said}"
    if head is None:
        need(bundle["consistency"] is None, "a proof from a head that you did not give: use --head")
        return
    kept = Checkpoint(head)
    need(kept.origin == checkpoint.origin, "the head you kept is of another log")
    need(kept.size <= checkpoint.size, "the log is shorter than the head you kept")
    if kept.size == checkpoint.size:
        need(kept.root == checkpoint.root, "two heads of one size: somebody is shown another log than you")
        yield HOLDS, "it is the head you kept"
        return
    proof = bundle["consistency"]
    if proof is None:
        yield (
            UNKNOWN,
            f"whether the log has grown from the head you kept: ask for the bundle with --since {kept.size}",
        )
        return
    need(set(proof) == {"size", "path"} and proof["size"] == kept.size, "a proof from another head")
    grown = is_grown(kept.size, kept.root, checkpoint.size, checkpoint.root, proof["path"])
    need(grown, "two histories: the log has not grown from the head you kept")
    yield HOLDS, f"the log has grown from the head you kept, of {kept.size} leaves"


def check_first(
    bundle: dict[str, Any], integrity: dict[str, Any], leaf: bytes, checkpoint: Checkpoint | None
) -> Token | None:
    """The time-stamp of the first head that covered the decision; None: the newest head is the first, or it is an older bundle."""
    first = bundle.get("first")
    if first is None:
        return None
    need(checkpoint is not None and set(first) == FIRST, "a first checkpoint with other fields")
    assert checkpoint is not None
    earlier, number = Checkpoint(first["checkpoint"]), integrity["leaf"]["number"]
    need(earlier.origin == checkpoint.origin, "the first checkpoint is of another log")
    root = root_from(leaf, number, earlier.size, first["inclusion"])
    need(root == earlier.root, "the decision is not in the log of the first checkpoint")
    grown = earlier.size < checkpoint.size and is_grown(
        earlier.size, earlier.root, checkpoint.size, checkpoint.root, first["consistency"]
    )
    need(grown, "two histories: the log has not grown from the first checkpoint")
    return Token(unbase64(first["timestamp"]), first["checkpoint"].encode())


def head_token(integrity: dict[str, Any]) -> Token | None:
    if integrity["timestamp"] is None:
        return None
    return Token(unbase64(integrity["timestamp"]), integrity["checkpoint"].encode())


def check_time(decided: datetime, token: Token | None, trusted: list[Certificate]) -> Iterator[Finding]:
    """token: of the first head that covers the decision."""
    if token is None:
        yield UNKNOWN, "when it was logged: the checkpoint has no time-stamp yet; ask for the bundle again"
        return
    need(
        decided <= token.at + CLOCKS_MAY_DIFFER,
        f"clocks disagree: it says it was decided {decided.isoformat()}, after the time-stamp of the log it lies in, "
        f"{token.at.isoformat()}",
    )
    if trusted:
        check_chain(token.chain, trusted, token.at, "the time-stamp")
        yield HOLDS, f"time-stamped {token.at.isoformat()} by an authority you trust"
    else:
        yield UNKNOWN, f"whether to trust its time-stamp of {token.at.isoformat()}: no --trust was given"
    if token.at - decided > LATE:
        days = (token.at - decided).days
        yield (
            HOLDS,
            f"it was in the log {days} days after it says it was decided; that it was there before, this bundle does not show",
        )


def check_newest(token: Token, first: Token | None, trusted: list[Certificate]) -> Iterator[Finding]:
    if first is None:
        return
    need(
        first.at <= token.at + CLOCKS_MAY_DIFFER,
        f"clocks disagree: the first checkpoint is time-stamped {first.at.isoformat()}, a later one {token.at.isoformat()}",
    )
    if trusted:
        check_chain(token.chain, trusted, token.at, "the newest time-stamp")
        yield HOLDS, f"still in the log {token.at.isoformat()}, time-stamped by an authority you trust"
    else:
        yield (
            UNKNOWN,
            f"whether to trust the newest time-stamp of {token.at.isoformat()}: no --trust was given",
        )


def check_log_key(
    checkpoint: Checkpoint,
    listed: list[str] | None,
    seal: list[Certificate],
    record: dict[str, Any],
    at: datetime,
    trusted: list[Certificate],
    what: str,
) -> Iterator[Finding]:
    """listed: certificates of the key that signed the head; None: it is the seal's. Bodies get new keys, the log goes on."""
    if listed is None:
        check_chain(seal, trusted or seal[-1:], max(at, seal[0].begins), what)  # an old key logs nothing new
        checkpoint.check(seal[0])
        yield HOLDS, f"{what} is signed by the same key"
        return
    need(0 < len(listed) <= MOST_CERTIFICATES, "more certificates than a chain has, or none")
    chain = [Certificate(unbase64(one)) for one in listed]
    need(chain[0].data != seal[0].data, "the seal's certificates twice")
    check_sealer(chain[0], record["authority"], what)
    check_chain(chain, trusted or chain[-1:], max(at, chain[0].begins), what)
    checkpoint.check(chain[0])
    if trusted:
        yield HOLDS, f"{what} is signed by another key certified for the same body by an authority you trust"
    else:
        yield UNKNOWN, f"whether to trust the key of {what}: no --trust was given"


def pem(text: str) -> list[bytes]:
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", text, re.DOTALL)
    return [base64.b64decode(block) for block in blocks]


def taken(names: list[str], option: str) -> str:
    """The file after the option, which is taken out."""
    at = names.index(option)
    text = Path(names[at + 1]).read_text("utf-8")
    del names[at : at + 2]
    return text


def main(arguments: list[str]) -> int:
    trust: list[str] = []
    head: str | None = None
    as_json = "--json" in arguments
    names = [one for one in arguments if one != "--json"]
    try:
        while "--trust" in names:
            trust.append(taken(names, "--trust"))
        if "--head" in names:
            head = taken(names, "--head")
        (name,) = names
        data = Path(name).read_bytes()
        believed = [pem(text) for text in trust]
        if not all(believed):
            raise ValueError("no certificate in a file of --trust")
        trusted = [one for file in believed for one in file]
    except (OSError, ValueError, IndexError) as error:
        print(f"{UNKNOWN}: {error or 'which bundle?'}\n\n{__doc__}")
        return 2
    found = list(findings(data, trusted, head))
    verdicts = {verdict for verdict, _ in found}
    code = 1 if BROKEN in verdicts else 2 if UNKNOWN in verdicts else 0
    if as_json:
        print(
            json.dumps(
                {"exit": code, "findings": [{"verdict": one, "text": text} for one, text in found]},
                ensure_ascii=False,
            )
        )
        return code
    for verdict, text in found:
        print(f"{verdict}: {text}")
    print(("All of it holds.", "DO NOT RELY ON IT.", "Not everything could be told.")[code])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
