"""X-Road's own cases of HashChainVerifierTest, and the trees of vectors.json."""

from __future__ import annotations

import json
from hashlib import sha512
from pathlib import Path
from typing import Any

import pytest

from sild.errors import PlatformError
from sild.pki import DigestAlgorithm
from sild.signatures import SignedPart, build_hash_chains, verify_hash_chain
from sild.signatures.hash_chains import step_bytes, step_digest

SHA512 = DigestAlgorithm.SHA512


def test_reference_verifier_cases(shared: Path) -> None:
    folder = shared / "hashchain"
    cases = json.loads((folder / "expected.json").read_text())["cases"]
    assert len(cases) == 10
    for case in cases:
        files: dict[str, bytes | SignedPart] = {
            uri: (folder / name).read_bytes() for uri, name in case["resolve"].items()
        }
        inputs = {uri: _input(folder, uri, value) for uri, value in case["inputs"].items()}
        result = (folder / case["result"]).read_bytes()
        try:
            verify_hash_chain(result, files=files, inputs=inputs, optional=case.get("not_resolvable", ()))
            code = None
        except PlatformError as error:
            code = error.code
        assert code == case["expect"], case["name"]


def _input(folder: Path, uri: str, value: dict[str, str] | None) -> SignedPart | None:
    if value is None:
        return None
    algorithm = DigestAlgorithm.SHA256
    if "file" in value:
        return SignedPart(uri, algorithm.digest((folder / value["file"]).read_bytes()), algorithm)
    return SignedPart(uri, bytes.fromhex(value["digest"]), algorithm)


def test_tree_roots(shared: Path) -> None:
    vectors: dict[str, Any] = json.loads((shared / "vectors.json").read_text())
    for tree in vectors["hash_chain_trees"]:
        messages = [
            [SignedPart("/message.xml", sha512(str(i).encode()).digest())] for i in range(tree["leaves"])
        ]
        assert build_hash_chains(messages).root.hex() == tree["root"]


def test_multipart_leaf(shared: Path) -> None:
    vector = json.loads((shared / "vectors.json").read_text())["hash_chain_multipart_leaf"]
    first = [SignedPart("/message.xml", sha512(b"a").digest())]
    second = [
        SignedPart("/message.xml", sha512(b"b").digest()),
        SignedPart("/attachment1", sha512(b"b1").digest()),
        SignedPart("/attachment2", sha512(b"b2").digest()),
    ]
    assert step_digest((part.algorithm, part.digest) for part in second).hex() == vector["second_leaf"]
    assert build_hash_chains([first, second]).root.hex() == vector["root"]


def test_rest_request_with_body(shared: Path) -> None:
    vector = json.loads((shared / "vectors.json").read_text())["rest_request"]
    values = [(SHA512, bytes.fromhex(vector[f"{name}_sha512"])) for name in ("part", "body")]
    assert step_bytes(values).hex() == vector["hash_chain_step_der"]
    chains = build_hash_chains(
        [
            [
                SignedPart(name, digest)
                for name, (_, digest) in zip(("/message.xml", "/attachment1"), values, strict=True)
            ]
        ]
    )
    assert vector["hash_chain_result_with_body"].encode() in chains.result


@pytest.mark.parametrize("name", ["01.req", "01.resp", "02.resp", "06.req", "06.resp"])
def test_recorded_chains(name: str, sample: Any) -> None:
    parts = sample(f"wire/{name}").parts
    covered = verify_hash_chain(
        parts["/sig-hashchainresult.xml"],
        files={"/sig-hashchain.xml": parts["/sig-hashchain.xml"]},
        inputs={
            uri: SignedPart(uri, sha512(parts[uri]).digest()) for uri in ("/message.xml", "/attachment1")
        },
    )
    assert [part.uri for part in covered] == ["/message.xml", "/attachment1"]
