"""kill -9 while keys are made: every key that was reported can be opened with the PIN afterwards, and signs."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from sild.pki import SignatureAlgorithm, verify_bytes
from sild.signer import SoftwareToken
from support.signer_world import PIN

PROGRAM = """
import asyncio, sys
from pathlib import Path
from sild.signer import KeyAlgorithm, SoftwareToken, software_token

software_token.KDF_ROUNDS = 1_000

async def main():
    token = SoftwareToken(Path(sys.argv[1]))
    await token.login(sys.argv[2])
    while True:
        key = await token.generate_key(KeyAlgorithm.EC_P256, "key")
        print(key.key_id, flush=True)

asyncio.run(main())
"""


async def test_killed(tmp_path: Path) -> None:
    await SoftwareToken(tmp_path).initialize(PIN)
    reported: set[str] = set()
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), PIN],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": ":".join(entry for entry in sys.path if entry)},
        )
        assert process.stdout is not None
        reported.add(process.stdout.readline().decode().strip())
        time.sleep(random.uniform(0.0, 0.1))
        process.kill()
        reported.update(line.decode().strip() for line in process.stdout if line.endswith(b"\n"))
        process.wait()
        process.stdout.close()

    token = SoftwareToken(tmp_path)
    await token.login(PIN)
    keys = {key.key_id: key.public_key for key in token.public_keys}
    assert reported <= set(keys)
    for key_id, public_key in keys.items():
        signature = await token.sign(key_id, SignatureAlgorithm.ECDSA_SHA512, b"data")
        verify_bytes(public_key, SignatureAlgorithm.ECDSA_SHA512, signature, b"data")
