"""Hash chains: one signature or one time-stamp over many messages, or over the many parts of one (WIRE 7).

A *leaf* stands for one message: its digest when it has one part, else the digest of a step over its parts. Leaves are
paired from left to right, an odd one moves up unhashed, until one node is left: the *result*, which is signed or
time-stamped. Each message keeps its *chain*, the steps from the result down to its own parts.

    digest(step) = H(DER(SEQUENCE OF SEQUENCE { OCTET STRING digest, UTF8String digestMethodURI, SEQUENCE {} }))
"""

from __future__ import annotations

import base64
import re
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import overload
from xml.sax.saxutils import quoteattr

from sild.pki import DigestAlgorithm
from sild.signatures.names import NS_DS, NS_HASH_CHAIN, SIG_HASH_CHAIN

SHA512 = DigestAlgorithm.SHA512

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_NAMESPACES = f'xmlns="{NS_HASH_CHAIN}" xmlns:ds="{NS_DS}"'
_RESULT_START = f"{_DECLARATION}<HashChainResult {_NAMESPACES}"
RESULT_START = _RESULT_START.encode()


@dataclass(frozen=True, slots=True)
class SignedPart:
    """A part by its name (`/message.xml`, `/attachment1`) and the digest of its bytes in `algorithm`."""

    uri: str
    digest: bytes
    algorithm: DigestAlgorithm = SHA512


@dataclass(frozen=True, slots=True)
class HashChains:
    """`result`: the file to sign or to time-stamp. `chains`: each message's chain file. `root`: the digest in the result."""

    result: bytes
    chains: Sequence[bytes]
    root: bytes


def build_hash_chains(
    messages: Sequence[Sequence[SignedPart]],
    algorithm: DigestAlgorithm = SHA512,
    *,
    file_name: str = SIG_HASH_CHAIN,
) -> HashChains:
    """The tree over `messages`, each the sequence of its parts, message first (WIRE 7.2).

    All digests must be in `algorithm`. `file_name` is the name each chain file will have beside the result. A single
    message of a single part has no chain. Raises ValueError.
    """
    if len(messages) == 1 and file_name == SIG_HASH_CHAIN and _are_plain(messages[0], algorithm):
        return _chain_of_parts(messages[0], algorithm)
    if not messages or not all(messages) or (len(messages) == 1 and len(messages[0]) == 1):
        raise ValueError("a hash chain covers several messages, or one message of several parts")
    if any(part.algorithm is not algorithm for parts in messages for part in parts):
        raise ValueError("the parts are digested with another algorithm")
    levels = [[_leaf(parts, algorithm) for parts in messages]]
    while len(levels[-1]) > 1:
        levels.append(_pair(levels[-1], algorithm))
    root = levels[-1][0]
    result = (
        f'{_RESULT_START} URI="{file_name}#STEP0">'
        f'<ds:DigestMethod Algorithm="{algorithm.uri}"/>{_digest_value(root)}</HashChainResult>'
    )
    return HashChains(result.encode(), _ChainFiles(messages, levels, algorithm), root)


def _are_plain(parts: Sequence[SignedPart], algorithm: DigestAlgorithm) -> bool:
    """Several parts, with whole digests in `algorithm` and names that XML need not escape."""
    size = _chain_texts(algorithm).digest_size
    for part in parts:
        if part.algorithm is not algorithm or len(part.digest) != size or not _PLAIN_NAME.fullmatch(part.uri):
            return False
    return len(parts) > 1


def _chain_of_parts(parts: Sequence[SignedPart], algorithm: DigestAlgorithm) -> HashChains:
    """The common case, one message of several parts: the files are filled in, not put together."""
    texts = _chain_texts(algorithm)
    values = b"".join([texts.value_start + part.digest + texts.value_end for part in parts])
    root = algorithm.digest(_der_sequence(values))
    references = b"".join(
        [
            b'<DataRef URI="%b"><ds:DigestValue>%b</ds:DigestValue></DataRef>'
            % (part.uri.encode(), b2a_base64(part.digest, newline=False))
            for part in parts
        ]
    )
    return HashChains(texts.result % b2a_base64(root, newline=False), (texts.chain % references,), root)


@dataclass(frozen=True, slots=True)
class _ChainTexts:
    """What surrounds the digests of a one-message chain: in the step's DER, and in both files (`%b` for what goes in)."""

    digest_size: int
    value_start: bytes
    value_end: bytes
    result: bytes
    chain: bytes


_PLAIN_NAME = re.compile(r"/[A-Za-z0-9._-]+")


@cache
def _chain_texts(algorithm: DigestAlgorithm) -> _ChainTexts:
    size = algorithm.new().digest_size
    value_end = _method_and_transforms(algorithm)
    start = _der_sequence(bytes((0x04, size)) + bytes(size) + value_end)
    return _ChainTexts(
        digest_size=size,
        value_start=start[: -len(value_end) - size],
        value_end=value_end,
        result=f'{_RESULT_START} URI="{SIG_HASH_CHAIN}#STEP0"><ds:DigestMethod Algorithm="{algorithm.uri}"/>'
        "<ds:DigestValue>%b</ds:DigestValue></HashChainResult>".encode(),
        chain=f'{_chain_head(algorithm)}<HashStep id="STEP0">%b</HashStep></HashChain>'.encode(),
    )


def _chain_head(algorithm: DigestAlgorithm) -> str:
    return f'{_DECLARATION}<HashChain {_NAMESPACES}><DefaultDigestMethod Algorithm="{algorithm.uri}"/>'


def step_digest(
    values: Iterable[tuple[DigestAlgorithm, bytes]], algorithm: DigestAlgorithm = SHA512
) -> bytes:
    """The digest of a step over `values` in their order (WIRE 7.1)."""
    return algorithm.digest(step_bytes(values))


def step_bytes(values: Iterable[tuple[DigestAlgorithm, bytes]]) -> bytes:
    """The DER of a step: what is hashed."""
    items = []
    for algorithm, digest in values:
        if len(digest) > 0x7F:
            raise ValueError("longer than any digest")
        content = bytes((0x04, len(digest))) + digest + _method_and_transforms(algorithm)
        items.append(_der_sequence(content))
    return _der_sequence(b"".join(items))


@cache
def _method_and_transforms(algorithm: DigestAlgorithm) -> bytes:
    uri = algorithm.uri.encode()
    return bytes((0x0C, len(uri))) + uri + b"\x30\x00"


def _der_sequence(content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return b"\x30" + bytes((length,)) + content
    size = (length.bit_length() + 7) // 8
    return b"\x30" + bytes((0x80 | size,)) + length.to_bytes(size, "big") + content


def _leaf(parts: Sequence[SignedPart], algorithm: DigestAlgorithm) -> bytes:
    if len(parts) == 1:
        return parts[0].digest
    return step_digest(((algorithm, part.digest) for part in parts), algorithm)


def _pair(nodes: list[bytes], algorithm: DigestAlgorithm) -> list[bytes]:
    above = [
        step_digest(((algorithm, left), (algorithm, right)), algorithm)
        for left, right in zip(nodes[::2], nodes[1::2], strict=False)
    ]
    if len(nodes) % 2:
        above.append(nodes[-1])
    return above


class _ChainFiles(Sequence[bytes]):
    """The chain file of each message, written when it is asked for: a time-stamp may cover ten thousand."""

    def __init__(
        self, messages: Sequence[Sequence[SignedPart]], levels: list[list[bytes]], algorithm: DigestAlgorithm
    ) -> None:
        self._messages = messages
        self._levels = levels
        self._head = _chain_head(algorithm)

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        numbers = range(len(self._messages))[index]
        return self._write(numbers) if isinstance(numbers, int) else [self._write(n) for n in numbers]

    def _write(self, leaf: int) -> bytes:
        """Root first. The last pair names the message itself, or a last step that lists its parts."""
        parts = self._messages[leaf]
        siblings = self._siblings(leaf)
        steps = []
        for number, (sibling, is_right) in enumerate(siblings):
            is_last = number == len(siblings) - 1
            own = (
                _data_ref(parts[0]) if is_last and len(parts) == 1 else f'<StepRef URI="#STEP{number + 1}"/>'
            )
            other = f"<HashValue>{_digest_value(sibling)}</HashValue>"
            steps.append(own + other if is_right else other + own)
        if len(parts) > 1:
            steps.append("".join(map(_data_ref, parts)))
        body = "".join(f'<HashStep id="STEP{number}">{step}</HashStep>' for number, step in enumerate(steps))
        return f"{self._head}{body}</HashChain>".encode()

    def _siblings(self, leaf: int) -> list[tuple[bytes, bool]]:
        """From the root down: the digest beside the message's own node, and whether it stands to the right of it."""
        found = []
        position = leaf
        for nodes in self._levels[:-1]:
            sibling = position ^ 1
            if sibling < len(nodes):
                found.append((nodes[sibling], sibling > position))
            position //= 2
        return found[::-1]


def _digest_value(digest: bytes) -> str:
    return f"<ds:DigestValue>{base64.b64encode(digest).decode()}</ds:DigestValue>"


def _data_ref(part: SignedPart) -> str:
    return f"<DataRef URI={quoteattr(part.uri)}>{_digest_value(part.digest)}</DataRef>"
