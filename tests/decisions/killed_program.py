"""Decides three times, makes a checkpoint, and is killed at a named point of it; another run goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from decisions.world import LocalStamps, Root, SetClock, draft
from sild.database import open_database, sqlite_url
from sild.decisions import (
    DECISION_MIGRATIONS,
    BodyKeys,
    Checkpointer,
    DecisionStore,
    bundle_of,
    checkpoints,
    render_bundle,
    verify_bundle,
)
from sild.pki import der


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(directory: Path, point: str) -> None:
    key_file = directory / "root.pem"
    if not key_file.exists():
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = ec.generate_private_key(ec.SECP256R1())
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    root_key = load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)
    clock, root = SetClock(), Root(root_key)
    engine = open_database(sqlite_url(directory / "d.db"), DECISION_MIGRATIONS)
    store = DecisionStore(engine, root.sealer(), BodyKeys(b"k" * 32), clock=clock)
    stamps = LocalStamps(root.time_stamper(ec.generate_private_key(ec.SECP256R1())), clock)
    with engine.begin() as connection:
        ids = [
            str(store.decide(connection, draft(store, case=f"{point}-{number}")).id) for number in range(3)
        ]
    if point == "sequenced":
        checkpoints.signed_note = lambda *_: die()  # type: ignore[assignment, return-value]
    checkpointer = Checkpointer(store, stamps, origin="SILD/GOV/1/x")
    if point == "signed":
        checkpointer.sequence()
        die()
    if point == "stamped":
        checkpointer._save = lambda *_: die()  # type: ignore[method-assign]
    size = asyncio.run(checkpointer.tick())
    with engine.connect() as connection:
        bundle = bundle_of(store, connection, ids[0], open_refs=None)
    verdicts = {finding.verdict for finding in verify_bundle(render_bundle(bundle), [der(root.certificate)])}
    print(size, *verdicts)


main(Path(sys.argv[1]), sys.argv[2])
