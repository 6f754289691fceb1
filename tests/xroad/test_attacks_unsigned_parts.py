"""WIRE 18: the parts received are exactly the parts signed. The reference relies on whatever references it happens to meet."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from sild.errors import PlatformError
from sild.signatures import SignedPart, build_hash_chains
from support.two_members import CLIENT, REQUEST, Sealed, TwoMembers, digest, part

OTHER = REQUEST.replace(b"limit=2", b"limit=9")


@pytest.fixture(scope="module")
def world() -> TwoMembers:
    return TwoMembers()


def refusal(world: TwoMembers, sealed: Sealed) -> str:
    with pytest.raises(PlatformError) as caught:
        world.verify(sealed)
    return caught.value.code_path.removeprefix("signature_verification.")


def test_a_body_beside_a_plain_signature(world: TwoMembers) -> None:
    """The message alone was signed; the attacker adds a body."""
    assert refusal(world, replace(world.seal(), attachments=(b"body",))) == "malformed_signature"


def test_a_body_taken_away(world: TwoMembers) -> None:
    sealed = replace(world.seal(REQUEST, b"body"), attachments=())
    assert refusal(world, sealed) == "malformed_signature.invalid_reference"


def test_a_body_too_many(world: TwoMembers) -> None:
    sealed = replace(world.seal(REQUEST, b"one"), attachments=(b"one", b"two"))
    assert refusal(world, sealed) == "malformed_signature.hashchain_unused_inputs"


def test_bodies_that_change_places(world: TwoMembers) -> None:
    sealed = replace(world.seal(REQUEST, b"one", b"two"), attachments=(b"two", b"one"))
    assert refusal(world, sealed) == "malformed_signature.invalid_hash_chain"


def test_another_body(world: TwoMembers) -> None:
    sealed = replace(world.seal(REQUEST, b"one"), attachments=(b"another",))
    assert refusal(world, sealed) == "malformed_signature.invalid_hash_chain"


def test_another_message(world: TwoMembers) -> None:
    assert refusal(world, replace(world.seal(), message=OTHER)) == "invalid_signature_value"
    chained = replace(world.seal(REQUEST, b"one"), message=OTHER)
    assert refusal(world, chained) == "malformed_signature.invalid_hash_chain"


def test_the_chain_taken_away(world: TwoMembers) -> None:
    sealed = world.seal(REQUEST, b"one")
    without_both = replace(sealed, hash_chain_result=None, hash_chain=None)
    assert refusal(world, without_both) == "invalid_signature_value"
    assert refusal(world, replace(sealed, hash_chain=None)) == "malformed_signature.invalid_reference"


def test_the_chain_of_another_message(world: TwoMembers) -> None:
    sealed, other = world.seal(REQUEST, b"one"), world.seal(OTHER, b"two")
    both = replace(other, signature=sealed.signature)
    assert refusal(world, both) == "invalid_signature_value", "right chain, result of another signature"
    half = replace(sealed, hash_chain=other.hash_chain)
    assert refusal(world, half) == "malformed_signature.invalid_hash_chain_ref"


def test_false_digests_in_the_chain(world: TwoMembers) -> None:
    """They do not change the result, so the message would pass now; its container would not, and could be disowned."""
    sealed = world.seal(REQUEST, b"one")
    assert sealed.hash_chain is not None
    for data in (REQUEST, b"one"):
        false = sealed.hash_chain.replace(b64encode(digest(data)), b64encode(digest(b"another")))
        assert false != sealed.hash_chain
        assert (
            refusal(world, replace(sealed, hash_chain=false)) == "malformed_signature.invalid_hash_chain_ref"
        )


def test_a_chain_beside_a_plain_signature(world: TwoMembers) -> None:
    """The reference ignores a chain that the signature does not refer to: unsigned bytes, so refused here."""
    chain = world.seal(OTHER, b"two")
    sealed = replace(world.seal(), hash_chain_result=chain.hash_chain_result, hash_chain=chain.hash_chain)
    assert refusal(world, sealed) == "malformed_signature"


def test_a_signature_over_something_else(world: TwoMembers) -> None:
    """Genuinely signed by the member, under a name that is no part of a message: no reference covers the message."""
    for uri in ("/manifest.xml", "/attachment1", "/message.xml2"):
        signature = world.sign(uri, REQUEST, by=world.credential(CLIENT))
        assert refusal(world, Sealed(REQUEST, (), signature)) == "malformed_signature"


def test_a_chain_that_holds_more_than_came(world: TwoMembers) -> None:
    """An honest chain over three parts, of which two are delivered."""
    sealed = world.seal(REQUEST, b"one", b"two")
    assert refusal(world, replace(sealed, attachments=(b"one",))) == "malformed_signature.invalid_reference"


def test_a_batch_of_another_members_messages(world: TwoMembers) -> None:
    """In a batch each message has its own chain: another's chain does not carry this message."""
    messages = [[part(0, REQUEST)], [part(0, OTHER)]]
    chains = build_hash_chains(messages)
    signature = world.sign("/sig-hashchainresult.xml", chains.result, by=world.credential(CLIENT))
    own = Sealed(REQUEST, (), signature, chains.result, chains.chains[0])
    world.verify(own)
    assert (
        refusal(world, replace(own, hash_chain=chains.chains[1])) == "malformed_signature.invalid_hash_chain"
    )


def test_a_part_under_a_false_name(world: TwoMembers) -> None:
    extra = SignedPart("/sig-hashchain.xml", digest(b"x"))
    sealed = replace(world.seal(REQUEST, b"one"), extra_parts=(extra,))
    assert refusal(world, sealed) == "malformed_signature.hashchain_unused_inputs"
