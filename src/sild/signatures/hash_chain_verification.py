"""Verifying a hash chain: is each input really under the result (WIRE 7.3)?

The grammar read here is hashchain.xsd without what X-Road never writes: no attributes and no children beyond those named,
so whatever is accepted is also valid against the schema (a test holds us to it). Read with expat, not lxml: libxml2 keeps
every name it ever saw, and these files come from strangers.
"""

from __future__ import annotations

import hmac
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Literal
from xml.etree import ElementTree

from sild.errors import PeerError, TrustError
from sild.pki import DigestAlgorithm
from sild.signatures.hash_chains import RESULT_START, SignedPart, build_hash_chains, step_bytes
from sild.signatures.names import C14N, NS_HASH_CHAIN, SIG_HASH_CHAIN, ds
from sild.signatures.xml import canonicalize, decode_base64, ensure_plain_xml, parse_xml

MALFORMED = "malformed_hash_chain"

# A chain over 2**32 messages is 32 steps deep, a message has as many values as attachments. X-Road itself sets no limit.
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 20_000


@dataclass(frozen=True, slots=True)
class _Value:
    kind: Literal["HashValue", "StepRef", "DataRef"]
    algorithm: DigestAlgorithm
    uri: str = ""
    digest: bytes = b""
    transforms: tuple[str, ...] = ()


_Chain = Mapping[str, tuple[_Value, ...]]


def verify_hash_chain(
    result: bytes,
    *,
    files: Mapping[str, bytes | SignedPart],
    inputs: Mapping[str, SignedPart | None],
    optional: Container[str] = (),
) -> tuple[SignedPart, ...]:
    """Check that every input stands under `result`, and return all data references met, as the chain declares them.

    result: bytes of the hash chain result.
    files: what can be looked up by name: chain files, and parts whose bytes are at hand (they are hashed and compared with
        the chain's own digest). A part that streamed by is given as SignedPart: its digest is compared.
    inputs: name to the part's digest, or None to look the part up in `files`. Every one must be met.
    optional: names that need not be found: their digests are taken as the chain declares them, and mean nothing.

    Raises PeerError `malformed_hash_chain`, `invalid_reference` (cannot be looked up), TrustError `invalid_hash_chain`
    (the result is another), `invalid_hash_chain_ref` (a looked-up part is another), `hashchain_unused_inputs`.
    On-line and in containers these stand behind the stage `malformed_signature`.
    """
    if _is_written_here(result, files, inputs):
        return tuple(part for part in inputs.values() if part is not None)
    uri, algorithm, expected = _parse_result(result)
    walk = _Walk(files, inputs, optional)
    if not hmac.compare_digest(algorithm.digest(walk.step(uri, "", 0)), expected):
        raise TrustError("the hash chain does not lead to its result", code="invalid_hash_chain")
    unused = [name for name in inputs if name not in walk.used]
    if unused:
        raise TrustError(
            f"not under the hash chain: {', '.join(sorted(unused))}", code="hashchain_unused_inputs"
        )
    return tuple(walk.references)


def _is_written_here(
    result: bytes, files: Mapping[str, bytes | SignedPart], inputs: Mapping[str, SignedPart | None]
) -> bool:
    """Whether both files are, byte for byte, what this room writes for one message of these parts: the common case.

    Then there is nothing to compute that writing them has not computed.
    """
    if len(inputs) < 2 or not result.startswith(RESULT_START):
        return False
    parts: list[SignedPart] = []
    for name, part in inputs.items():
        if part is None or part.uri != name or (parts and part.algorithm is not parts[0].algorithm):
            return False
        parts.append(part)
    own = build_hash_chains([parts], parts[0].algorithm)
    return own.result == result and own.chains[0] == files.get(SIG_HASH_CHAIN)


@dataclass(slots=True)
class _Walk:
    files: Mapping[str, bytes | SignedPart]
    inputs: Mapping[str, SignedPart | None]
    optional: Container[str]
    chains: dict[str, _Chain] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    references: list[SignedPart] = field(default_factory=list)
    digests: dict[tuple[str, DigestAlgorithm, tuple[str, ...]], bytes] = field(default_factory=dict)
    values: int = 0

    def step(self, uri: str, current: str, depth: int) -> bytes:
        """The DER of the step at `uri` (`file#id`, or `#id` in the file named `current`)."""
        file_name, _, step_id = uri.partition("#")
        name = file_name or current
        if not step_id or not name:
            raise PeerError(f"not the address of a hash step: {uri!r}", code=MALFORMED)
        if depth > MAX_DEPTH:
            raise PeerError("the hash chain is too deep, or goes round in a circle", code=MALFORMED)
        values = self._chain(name).get(step_id)
        if values is None:
            raise PeerError(f"no hash step at {uri!r}", code=MALFORMED)
        self.values += len(values)
        if self.values > MAX_VALUES:
            raise PeerError("the hash chain has too many values", code=MALFORMED)
        return step_bytes((value.algorithm, self._digest(value, name, depth)) for value in values)

    def _chain(self, name: str) -> _Chain:
        chain = self.chains.get(name)
        if chain is None:
            data = self.files.get(name)
            if not isinstance(data, bytes):
                raise PeerError(
                    f"the hash chain refers to {name!r}, which is not here", code="invalid_reference"
                )
            chain = self.chains[name] = _parse_chain(data)
        return chain

    def _digest(self, value: _Value, name: str, depth: int) -> bytes:
        match value.kind:
            case "HashValue":
                return value.digest
            case "StepRef":
                return value.algorithm.digest(self.step(value.uri, name, depth + 1))
            case "DataRef":
                self.used.add(value.uri)
                self.references.append(SignedPart(value.uri, value.digest, value.algorithm))
                return self._data(value)

    def _data(self, value: _Value) -> bytes:
        given = self.inputs.get(value.uri)
        if given is not None and given.algorithm is value.algorithm:
            return given.digest
        data = self.files.get(value.uri)
        if data is None and value.uri in self.optional:
            return value.digest
        if isinstance(data, bytes):
            actual = self._digest_of_file(value, data)
        elif data is not None and data.algorithm is value.algorithm and not value.transforms:
            actual = data.digest
        else:
            raise PeerError(
                f"the hash chain refers to {value.uri!r}, which is not here", code="invalid_reference"
            )
        if not hmac.compare_digest(actual, value.digest):
            raise TrustError(
                f"{value.uri!r} has another digest than the hash chain", code="invalid_hash_chain_ref"
            )
        return actual

    def _digest_of_file(self, value: _Value, data: bytes) -> bytes:
        """Computed once: a chain may refer to one large file as often as it likes."""
        key = (value.uri, value.algorithm, value.transforms)
        if key not in self.digests:
            for method in value.transforms:
                data = canonicalize(parse_xml(data, max_bytes=MAX_FILE_BYTES, comments=True), method)
            self.digests[key] = value.algorithm.digest(data)
        return self.digests[key]


# Reading the two files.

_RESULT = f"{{{NS_HASH_CHAIN}}}HashChainResult"
_CHAIN = f"{{{NS_HASH_CHAIN}}}HashChain"
_DEFAULT_METHOD = f"{{{NS_HASH_CHAIN}}}DefaultDigestMethod"
_STEP = f"{{{NS_HASH_CHAIN}}}HashStep"
_KINDS: dict[str, Literal["HashValue", "StepRef", "DataRef"]] = {
    f"{{{NS_HASH_CHAIN}}}HashValue": "HashValue",
    f"{{{NS_HASH_CHAIN}}}StepRef": "StepRef",
    f"{{{NS_HASH_CHAIN}}}DataRef": "DataRef",
}
_METHOD, _VALUE, _TRANSFORMS, _TRANSFORM = (
    ds("DigestMethod"),
    ds("DigestValue"),
    ds("Transforms"),
    ds("Transform"),
)
_Element = ElementTree.Element


def _parse_result(xml: bytes) -> tuple[str, DigestAlgorithm, bytes]:
    root = _parse(xml)
    _expect(root.tag == _RESULT and set(root.attrib) == {"URI"} and len(root) == 2 and _is_blank(root))
    method, value = root
    _expect(method.tag == _METHOD and value.tag == _VALUE)
    return root.attrib["URI"], _algorithm(method), _digest(value)


def _parse_chain(xml: bytes) -> _Chain:
    root = _parse(xml)
    _expect(root.tag == _CHAIN and not root.attrib and _is_blank(root))
    children = list(root)
    default = None
    if children and children[0].tag == _DEFAULT_METHOD:
        default = _algorithm(children.pop(0))
    steps: dict[str, tuple[_Value, ...]] = {}
    for step in children:
        _expect(step.tag == _STEP and step.attrib.keys() <= {"id"} and _is_blank(step))
        values = tuple(_parse_value(element, default) for element in step)
        step_id = step.get("id")
        if step_id is not None:
            _expect(_is_name(step_id) and step_id not in steps)
            steps[step_id] = values
    return steps


def _parse_value(element: _Element, default: DigestAlgorithm | None) -> _Value:
    """One HashValue, StepRef or DataRef: [DigestMethod], [Transforms], DigestValue; a StepRef has the first only."""
    kind = _KINDS.get(element.tag)
    _expect(kind is not None and _is_blank(element))
    _expect(set(element.attrib) == (set() if kind == "HashValue" else {"URI"}))
    children = list(element)
    algorithm = _algorithm(children.pop(0)) if children and children[0].tag == _METHOD else default
    transforms: tuple[str, ...] = ()
    if kind != "StepRef" and children and children[0].tag == _TRANSFORMS:
        transforms = _parse_transforms(children.pop(0))
    digest = b""
    if kind != "StepRef":
        _expect(bool(children) and children[0].tag == _VALUE)
        digest = _digest(children.pop(0))
    if kind is None or algorithm is None or children:
        raise _malformed()
    return _Value(kind, algorithm, element.get("URI", ""), digest, transforms)


def _parse_transforms(element: _Element) -> tuple[str, ...]:
    """Canonical XML 1.0 and nothing else: the only transform there is a vector for."""
    _expect(not element.attrib and len(element) == 1 and _is_blank(element))
    transform = element[0]
    _expect(transform.tag == _TRANSFORM and transform.attrib == {"Algorithm": C14N})
    _expect(len(transform) == 0 and not (transform.text or "").strip())
    return (C14N,)


def _algorithm(element: _Element) -> DigestAlgorithm:
    _expect(set(element.attrib) == {"Algorithm"} and len(element) == 0 and not (element.text or "").strip())
    try:
        return DigestAlgorithm.from_uri(element.attrib["Algorithm"])
    except PeerError as error:
        raise PeerError(error.message, code=MALFORMED) from None


def _digest(element: _Element) -> bytes:
    _expect(not element.attrib and len(element) == 0)
    digest = decode_base64(element.text, code=MALFORMED)
    _expect(0 < len(digest) <= 64)
    return digest


def _parse(xml: bytes) -> _Element:
    ensure_plain_xml(xml, max_bytes=MAX_FILE_BYTES, code=MALFORMED)
    try:
        return ElementTree.fromstring(xml, ElementTree.XMLParser(encoding="utf-8"))  # noqa: S314  see the import
    except (ElementTree.ParseError, ValueError) as error:
        raise PeerError(f"a hash chain is not well-formed XML: {error}", code=MALFORMED) from None


def _is_blank(element: _Element) -> bool:
    """Whether only elements stand in it."""
    return not (element.text or "").strip() and all(not (child.tail or "").strip() for child in element)


def _is_name(text: str) -> bool:
    """xs:ID, as X-Road writes them; other scripts are left out."""
    return (
        text.isascii()
        and text[:1].isalpha()
        and text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    )


def _expect(condition: bool) -> None:
    if not condition:
        raise _malformed()


def _malformed() -> PeerError:
    return PeerError("a hash chain is not what its schema says", code=MALFORMED)
