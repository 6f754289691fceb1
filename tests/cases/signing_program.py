"""Somebody signs, and the process is killed (-9) right after a step of it: `python -m cases.signing_program DIRECTORY STEP`.

What the person brings back from the signing service stands in DIRECTORY/brought; what the service knows, in DIRECTORY/pen.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from sild.cases.acting import Acting
from sild.cases.signatures import Signatures
from support.pen import VillagePen

from .world import GIVEN, MARI, World

SIGNS = ("permit.form.SEND",)
STEPS = {
    "redeemed": (VillagePen, "redeem"),
    "token": (Signatures, "keep_token"),
    "signed": (VillagePen, "sign"),
    "kept": (Signatures, "keep_container"),
    "acted": (Acting, "act"),
}


class KeptPen(VillagePen):
    """Its service lives on when the process dies."""

    def __init__(self, clock, directory) -> None:
        super().__init__(clock)
        self._file = directory / "pen"
        if self._file.exists():
            kept = json.loads(self._file.read_text())
            self.codes = kept["codes"]
            self.made = {token: bytes.fromhex(one) for token, one in kept["made"].items()}

    def keep(self) -> None:
        made = {token: one.hex() for token, one in self.made.items()}
        self._file.write_text(json.dumps({"codes": self.codes, "made": made}))

    async def ask(self, *args, **named):
        asked = await super().ask(*args, **named)
        self.keep()
        return asked

    async def redeem(self, *args):
        token = await super().redeem(*args)
        self.keep()
        return token

    async def sign(self, *args):
        container = await super().sign(*args)
        self.keep()
        return container


def world_of(directory: Path) -> World:
    world = World(directory, signatures=SIGNS)
    world.pen = KeptPen(world.clock, directory)
    return world


def dies_after(kind: type, name: str) -> None:
    """The method does its work, and nothing comes after it."""
    real = getattr(KeptPen if kind is VillagePen else kind, name)

    def killed(result):
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    async def waits(*args, **named):
        return killed(await real(*args, **named))

    def does(*args, **named):
        return killed(real(*args, **named))

    setattr(
        KeptPen if kind is VillagePen else kind, name, waits if asyncio.iscoroutinefunction(real) else does
    )


async def main(directory: Path, step: str) -> None:
    world = world_of(directory)
    world.open_system()
    await world.cases.publish()
    case = await world.open()
    await world.cases.fill(case, "permit.form", MARI)
    address = await world.cases.ask_signature(case, "SEND", MARI, GIVEN, key="the-form")
    said = dict(parse_qsl(urlsplit(address).query))
    (directory / "brought").write_text(json.dumps({"case": case, **said}))
    dies_after(*STEPS[step])
    await world.cases.finish_signature(said["state"], said["code"], MARI)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
