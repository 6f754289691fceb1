"""The country's canaries: made at its gateway, planted in its registers by class, and made anew every month.

Each register's keeper plants its own; here they share a process. Where the class of a secret would lie there is a file that nobody
needs: whoever collects keys collects it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from uuid import uuid4

from sild import registries
from sild.ai_gateway import Canary, Gateway, make_canaries
from sild.private_files import write_private
from sild.registries import HasKernel
from sild.telemetry import get_logger

__all__ = ["PLANTED_IN", "ROTATED", "plant_canaries", "rotate_canaries"]

log = get_logger("nation")

ROTATED = timedelta(days=30)
LOOK_AGAIN = timedelta(hours=6)
PLANTED_IN: Mapping[str, str] = {
    "personal": "population",
    "child": "residence",
    "tax": "social",
    "health": "hospital",
    "internal": "treasury",
}
"""Class -> register. What is secret lies in a file."""
REMARK = "remark"
"""The name of the fact that holds a mark."""


def plant_canaries(gateway: Gateway, held: Mapping[str, HasKernel], secret_file: Path, country: str) -> int:
    """Make a set when there is none of this month, and plant what does not stand yet; how many sets were made. Blocks.

    held: registers by kind. Raises Unavailable.
    """
    store, now = gateway.parts.store, gateway.parts.clock()
    standing = [one for one in store.canaries() if one.given_up_at is None]
    made = 0
    if not standing or standing[0].made_at + ROTATED <= now:
        standing = list(make_canaries(country, str(uuid4()), now, random=SystemRandom()))
        store.add_canaries(standing)
        made = 1
    for data_class, kind in PLANTED_IN.items():
        of_class = [one for one in standing if one.data_class == data_class and one.kind != "code"]
        if kind in held and of_class:
            said = {one.kind if one.kind != "word" else REMARK: one.value for one in of_class}
            registries.plant(held[kind], of_class[0].person, said)
    _lay_out(standing, secret_file)
    return made


async def rotate_canaries(
    gateway: Gateway, held: Mapping[str, HasKernel], secret_file: Path, country: str
) -> None:
    """Until cancelled. Those of earlier months stand where they are, and are listened for."""
    while True:
        await asyncio.sleep(LOOK_AGAIN.total_seconds())
        try:
            await asyncio.to_thread(plant_canaries, gateway, held, secret_file, country)
        except Exception as error:  # noqa: BLE001 - the next round must come
            log.bug("nation.canaries_not_planted", error)


def _lay_out(standing: list[Canary], file: Path) -> None:
    secret = next(one.value for one in standing if one.data_class == "secret")
    write_private(file, f"{secret}\n".encode())
