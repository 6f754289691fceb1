"""Hash chains from strangers: circles, depth, numbers, other grammars; and that cheating shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import DigestAlgorithm
from sild.signatures import (
    HashChains,
    SignedPart,
    build_hash_chains,
    hash_chain_verification,
    verify_hash_chain,
)
from support.signed_messages import digest

CONTENT = {"/message.xml": b"message", "/attachment1": b"one", "/attachment2": b"two"}
INPUTS = {name: SignedPart(name, digest(data)) for name, data in CONTENT.items()}
OTHER = [SignedPart("/message.xml", digest(b"other message"))]


def batch(*, size: int = 5, mine: int = 2) -> tuple[bytes, bytes]:
    """Result and chain of message `mine`, which has three parts, among `size`."""
    chains: HashChains = build_hash_chains(
        [list(INPUTS.values()) if n == mine else OTHER for n in range(size)]
    )
    return chains.result, chains.chains[mine]


def code(
    result: bytes,
    chain: bytes,
    *,
    inputs: dict[str, SignedPart] | dict[str, None] | dict[str, SignedPart | None] = INPUTS,
    **more: bytes,
) -> str | None:
    files: dict[str, bytes | SignedPart] = {"/sig-hashchain.xml": chain, **more}
    try:
        verify_hash_chain(result, files=files, inputs=dict(inputs))
    except PlatformError as error:
        return error.code
    return None


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 20])
def test_every_message_of_every_batch(size: int) -> None:
    for mine in range(size):
        assert code(*batch(size=size, mine=mine)) is None


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_algorithms(algorithm: DigestAlgorithm) -> None:
    parts = [SignedPart(name, algorithm.digest(data), algorithm) for name, data in CONTENT.items()]
    chains = build_hash_chains(
        [parts, [SignedPart("/message.xml", algorithm.digest(b""), algorithm)]], algorithm
    )
    assert code(chains.result, chains.chains[0], inputs={part.uri: part for part in parts}) is None
    assert code(chains.result, chains.chains[0]) == (
        "invalid_reference" if algorithm.http_name != "SHA-512" else None
    )


def test_chain_of_another_message() -> None:
    chains = build_hash_chains([list(INPUTS.values()), OTHER])
    assert code(chains.result, chains.chains[1]) == "invalid_hash_chain"


@pytest.mark.parametrize("size", [1, 5])
def test_other_content(size: int) -> None:
    for name in INPUTS:
        inputs = {**INPUTS, name: SignedPart(name, digest(b"forged"))}
        assert code(*batch(size=size, mine=0), inputs=inputs) == "invalid_hash_chain"


def test_a_part_too_many() -> None:
    inputs = {**INPUTS, "/attachment3": SignedPart("/attachment3", digest(b"smuggled"))}
    assert code(*batch(), inputs=inputs) == "hashchain_unused_inputs"


def test_a_part_too_few() -> None:
    for name in INPUTS:
        inputs = {key: part for key, part in INPUTS.items() if key != name}
        assert code(*batch(), inputs=inputs) == "invalid_reference"
        assert code(*batch(size=1, mine=0), inputs=inputs) == "invalid_reference"


def test_parts_in_another_order() -> None:
    """The names travel with the digests, so the order handed over does not matter, only the chain's."""
    assert code(*batch(), inputs=dict(reversed(INPUTS.items()))) is None
    swapped = {
        "/message.xml": INPUTS["/message.xml"],
        "/attachment1": SignedPart("/attachment1", INPUTS["/attachment2"].digest),
        "/attachment2": SignedPart("/attachment2", INPUTS["/attachment1"].digest),
    }
    assert code(*batch(), inputs=swapped) == "invalid_hash_chain"


def test_bytes_and_digests_at_hand_are_compared_with_the_chain() -> None:
    result, chain = batch()
    files: dict[str, bytes | SignedPart] = {"/sig-hashchain.xml": chain, **CONTENT}
    lookups = dict.fromkeys(INPUTS)
    covered = verify_hash_chain(result, files=files, inputs=lookups)
    assert covered == tuple(INPUTS.values())
    streamed = {**files, "/attachment1": INPUTS["/attachment1"]}
    assert verify_hash_chain(result, files=streamed, inputs=lookups) == covered
    for wrong in (b"forged", SignedPart("/attachment1", digest(b"forged"))):
        with pytest.raises(TrustError) as refusal:
            verify_hash_chain(result, files={**files, "/attachment1": wrong}, inputs=lookups)
        assert refusal.value.code == "invalid_hash_chain_ref"


def test_what_is_optional_is_taken_as_declared_and_told() -> None:
    result, chain = batch()
    files: dict[str, bytes | SignedPart] = {
        "/sig-hashchain.xml": chain,
        "/message.xml": CONTENT["/message.xml"],
    }
    optional = ("/attachment1", "/attachment2")
    assert verify_hash_chain(result, files=files, inputs={"/message.xml": None}, optional=optional) == tuple(
        INPUTS.values()
    )


# Shape.

HEAD = (
    '<HashChain xmlns="http://cyber.ee/hashchain" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
    '<DefaultDigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"/>'
)
VALUE = f"<ds:DigestValue>{'A' * 86}==</ds:DigestValue>"


def chain_of(*steps: str) -> bytes:
    body = "".join(f'<HashStep id="STEP{number}">{step}</HashStep>' for number, step in enumerate(steps))
    return f"{HEAD}{body}</HashChain>".encode()


def refs(*uris: str) -> str:
    return "".join(f'<StepRef URI="{uri}"/>' for uri in uris)


RESULT = batch()[0]


def test_circles() -> None:
    assert code(RESULT, chain_of(refs("#STEP0"))) == "malformed_hash_chain"
    assert code(RESULT, chain_of(refs("#STEP1"), refs("#STEP0"))) == "malformed_hash_chain"
    one, other = chain_of(refs("/other.xml#STEP0")), chain_of(refs("/sig-hashchain.xml#STEP0"))
    assert code(RESULT, one, **{"/other.xml": other}) == "malformed_hash_chain"


def test_depth() -> None:
    assert code(RESULT, chain_of(*(refs(f"#STEP{n + 1}") for n in range(5000)))) == "malformed_hash_chain"


def test_a_small_file_with_a_billion_steps() -> None:
    assert (
        code(RESULT, chain_of(*(refs(f"#STEP{n + 1}", f"#STEP{n + 1}") for n in range(60))))
        == "malformed_hash_chain"
    )


def test_size() -> None:
    assert code(RESULT, chain_of(*[f"<HashValue>{VALUE}</HashValue>"] * 60_000)) == "malformed_hash_chain"
    assert code(b" " * 5_000_000, b"") == "malformed_hash_chain"


@pytest.mark.parametrize(
    "uri", ["", "#", "STEP1", "#STEP9", "/sig-hashchain.xml", "/sig-hashchain.xml#", "##"]
)
def test_step_addresses(uri: str) -> None:
    assert code(RESULT, chain_of(refs(uri))) == "malformed_hash_chain"


@pytest.mark.parametrize("uri", ["/etc/passwd#STEP0", "http://127.0.0.1/#STEP0", "../x#STEP0"])
def test_files_that_are_not_here(uri: str) -> None:
    assert code(RESULT, chain_of(refs(uri))) == "invalid_reference"


@pytest.mark.parametrize(
    "step",
    [
        "text",
        "<Unknown/>",
        f"<HashValue>{VALUE}{VALUE}</HashValue>",
        f"<HashValue URI='/message.xml'>{VALUE}</HashValue>",
        "<HashValue/>",
        f"<HashValue>x{VALUE}</HashValue>",
        f"<HashValue>{VALUE}x</HashValue>",
        f"<DataRef>{VALUE}</DataRef>",
        f"<DataRef URI='/message.xml' strange='1'>{VALUE}</DataRef>",
        f"<StepRef URI='#STEP1'>{VALUE}</StepRef>",
        "<HashValue><ds:DigestValue>!!</ds:DigestValue></HashValue>",
        "<HashValue><ds:DigestValue/></HashValue>",
        f"<HashValue><ds:DigestValue>{'A' * 400}</ds:DigestValue></HashValue>",
        f"<HashValue><ds:DigestMethod Algorithm='http://www.w3.org/2000/09/xmldsig#sha1'/>{VALUE}</HashValue>",
        f"<HashValue><ds:DigestMethod/>{VALUE}</HashValue>",
        f"<DataRef URI='/message.xml'><ds:Transforms><ds:Transform Algorithm="
        f"'http://www.w3.org/TR/1999/REC-xslt-19991116'/></ds:Transforms>{VALUE}</DataRef>",
    ],
)
def test_steps_of_another_grammar(step: str) -> None:
    assert code(RESULT, chain_of(step)) == "malformed_hash_chain"


@pytest.mark.parametrize(
    "result",
    [
        b"",
        b"<x/>",
        RESULT[:-1],
        RESULT * 2,
        RESULT.replace(b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>'),
        RESULT.replace(b"<ds:DigestValue>", b"<!-- --><ds:DigestValue>"),
        RESULT.replace(b"xmlenc#sha512", b"xmlenc#sha256x"),
        RESULT.replace(b" URI=", b" uri="),
        RESULT.replace(b"cyber.ee", b"cyber.example"),
        re.sub(rb"<ds:DigestMethod[^>]*>", b"", RESULT),
        RESULT.decode().encode("utf-16"),
    ],
)
def test_results_of_another_grammar(result: bytes) -> None:
    assert code(result, batch()[1]) == "malformed_hash_chain"


def test_two_steps_of_one_name() -> None:
    chain = chain_of(f"<HashValue>{VALUE}</HashValue>", f"<HashValue>{VALUE}</HashValue>").replace(
        b"STEP1", b"STEP0"
    )
    assert code(RESULT, chain) == "malformed_hash_chain"


# Properties.


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_changed_byte(data: st.DataObject) -> None:
    """Refused, or a change that says the same (white space, a name of a prefix)."""
    result, chain = batch()
    files = [bytearray(result), bytearray(chain)]
    file = files[data.draw(st.integers(0, 1))]
    file[data.draw(st.integers(0, len(file) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        covered = verify_hash_chain(
            bytes(files[0]), files={"/sig-hashchain.xml": bytes(files[1])}, inputs=INPUTS
        )
    except (PeerError, TrustError):
        return
    assert {part.uri for part in covered} == set(INPUTS)


_EDITS = ("drop", "double", "rename", "text", "attribute", "move")


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_is_read_is_valid_against_the_schema(shared: Path, data: st.DataObject) -> None:
    schema = _schema(shared)
    which = data.draw(st.integers(0, 1))
    root = etree.fromstring(batch()[which])
    elements = list(root.iter())
    element = elements[data.draw(st.integers(0, len(elements) - 1))]
    parent = element.getparent()
    other = elements[data.draw(st.integers(0, len(elements) - 1))]
    match data.draw(st.sampled_from(_EDITS)):
        case "drop" if parent is not None:
            parent.remove(element)
        case "double" if parent is not None:
            parent.append(etree.fromstring(etree.tostring(element)))
        case "rename":
            element.tag = other.tag
        case "text":
            element.text = data.draw(st.sampled_from(["", "x", " ", "AA==", "#STEP1"]))
        case "attribute":
            name = data.draw(st.sampled_from(["id", "URI", "Algorithm", "strange"]))
            element.set(name, data.draw(st.sampled_from(["", "STEP0", "1", "a:b", "#STEP1", "é"])))
        case "move" if parent is not None and element not in other.iterancestors() and element is not other:
            other.append(element)
    xml = etree.tostring(root)
    parse = (hash_chain_verification._parse_result, hash_chain_verification._parse_chain)[which]
    try:
        parse(xml)
    except PeerError as error:
        assert error.code == "malformed_hash_chain"
        return
    schema.assertValid(etree.fromstring(xml))


def _schema(shared: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(shared / "schema/signature/hashchain.xsd")))


@pytest.mark.timeout(5)
def test_one_file_referred_to_again_and_again() -> None:
    """16 MB of file and 150 KB of chain must not make 32 GB to hash."""
    part = SignedPart("/big", digest(big := bytes(16 * 1024 * 1024)))
    chains = build_hash_chains([[part] * 2000])
    references = verify_hash_chain(
        chains.result, files={"/sig-hashchain.xml": chains.chains[0], "/big": big}, inputs={"/big": None}
    )
    assert references == (part,) * 2000
