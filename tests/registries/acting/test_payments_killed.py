"""The board is killed before each of its commits in turn, and between an order and its answer: every payment is made once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from shutil import copytree

import pytest

from sild.registries import SocialRegister, TreasuryRegister, treasury_app
from sild.registries.social.offers import Offer
from support.asgi import serving

from ..treasury.bank import Bank
from .conftest import CHILD, MOTHER, Others, SetClock
from .test_payments import Paying
from .test_social import IBAN, by, declare, offered

PROCESS = """
import asyncio, json, os, signal, sys, urllib.request
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import Engine, event as listening
from sild.registries import SocialRegister
from sild.registries.exchange import Told, message_id_of

directory, url, number, answers, at = sys.argv[1:]
register = SocialRegister.open(Path(directory), people=0, clock=lambda: datetime.fromisoformat(at))
commits = sent = 0

def count(_connection):
    global commits
    commits += 1
    if commits == int(number):
        os.kill(os.getpid(), signal.SIGKILL)

class Ask:
    async def ask(self, name, path, *, because):
        return Told({"code": path[1], "country": "EE", "sex": "F", "given_names": "Mari", "family_name": "Maasikas",
                     "born": "1989-01-01"}, "m", name)

    async def send(self, name, path, body, *, because, content_type="application/json"):
        global sent
        said = urllib.request.Request(url + "/" + "/".join(path), json.dumps(body).encode(), {
            "Content-Type": "application/json", "X-Road-Client": "SILD/GOV/70000004/social",
            "X-Road-Id": message_id_of("SILD", because.key, *path), "X-Road-UserId": "automatic", "X-Road-Issue": "case-7", "Sild-Legal-Basis": "PHS 10"})
        with urllib.request.urlopen(said) as answer:
            read = json.load(answer)
        sent += 1
        if sent == int(answers):
            os.kill(os.getpid(), signal.SIGKILL)  # the order is in the books, and nobody here knows it
        return Told(read, "m", name)

async def main():
    worker = register.worker(Ask())
    while await worker.work():
        pass

listening.listen(Engine, "commit", count)
asyncio.run(main())
print(commits)
"""


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Offer]:
    """The board's directory when three payments are due, and the offer that was accepted."""
    directory, clock = tmp_path_factory.mktemp("granted") / "social", SetClock()
    others = Others()
    others.person(MOTHER, "1989-01-01")
    others.person(CHILD, "2026-03-01", mother=MOTHER)
    others.divisions = {MOTHER: "0784"}
    social = SocialRegister.open(directory, people=0, clock=clock)
    declare(social, MOTHER, "2000")
    offer = asyncio.run(offered(social, others))
    social.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
    social.close()
    return directory, offer


@pytest.mark.parametrize(("number", "answer"), [*((n, 0) for n in (1, 4, 8, 12)), (0, 1), (0, 3), (99, 0)])
async def test_each_payment_once(
    tmp_path: Path,
    granted: tuple[Path, Offer],
    others: Others,
    clock: SetClock,
    number: int,
    answer: int,
) -> None:
    directory = tmp_path / "social"
    copytree(granted[0], directory)
    offer = granted[1]
    treasury = TreasuryRegister.open(tmp_path / "treasury", clock=clock)
    treasury.kernel.outbox.subscribe("SILD/GOV/70000004/social", "events", ["treasury.*"])
    with serving(treasury_app(treasury)) as site:
        ended = subprocess.run(
            [
                sys.executable,
                "-c",
                PROCESS,
                str(directory),
                site.url,
                str(number),
                str(answer),
                clock().isoformat(),
            ],
            capture_output=True,
            env=os.environ,
            timeout=60,
            check=False,
        )
        if number == 99:
            assert ended.returncode == 0, ended.stderr.decode()
            assert int(ended.stdout) == 12, ended.stdout
        else:
            assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
        treasury.instruct("EUR")  # the bank does not wait for the board to come back
        again = SocialRegister.open(directory, people=0, clock=clock)
        paying = Paying(again, treasury, site, others, clock, Bank())
        others.treasury = paying.answer
        clock.forward(minutes=5)  # what the dead process had taken is free again
        await paying.work()
        treasury.instruct("EUR")
        for file in treasury.open_instructions():
            treasury.take_report(paying.bank.take(file.xml))
        paying.deliver()
        orders = paying.orders(offer)
        again.close()
    treasury.close()
    assert paying.bank.paid == {"EE382200221020145685": Decimal("2400.00")}
    assert [order.state for order in orders] == ["executed"] * 3
