"""`sild demo`: a whole country on this machine, started, checked and kept running."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sild.http1 import run
from sild.nation import (
    Nation,
    NationPlan,
    Step,
    countries,
    country_plan,
    ensure_people_enough,
    load_country,
    tell,
    tell_audit,
    tell_birth,
    tell_move,
    tell_signing,
)
from sild.settings import LogLevel
from sild.telemetry import configure_logging

__all__ = ["command"]


@click.command("demo")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".sild"),
    show_default=True,
    help="Where the country keeps its state.",
)
@click.option(
    "--country",
    type=click.Choice(countries(), case_sensitive=False),
    default="EE",
    show_default=True,
    help="Whose law, days, languages and names it has.",
)
@click.option(
    "--people",
    type=click.IntRange(1_000, 20_000),
    default=4_000,
    show_default=True,
    help="How many synthetic people its registers begin with, about half of each country's.",
)
@click.option("--once", is_flag=True, help="End after the self-check; exit status 0 or 1.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text for people.")
@click.option(
    "--log-level",
    type=click.Choice(get_args(LogLevel), case_sensitive=False),
    default="ERROR",
    show_default=True,
    help="Of the log lines on standard error.",
)
def command(directory: Path, country: str, people: int, once: bool, as_json: bool, log_level: str) -> int:
    """Start a whole country on this machine: trust services, central server, two security servers, thirteen registers,
    an identity provider and a portal. Checks one exchange, says where to go and whom to log in as, and serves until stopped.
    With --once it checks the journeys, too, through the pages that people use."""
    configure_logging(log_level)
    plan = replace(country_plan(load_country(country)), people=people)
    ensure_people_enough(plan)
    return run(_demo(directory, plan, once, _JsonReport() if as_json else _TextReport()))


async def _demo(directory: Path, plan: NationPlan, once: bool, report: _TextReport | _JsonReport) -> int:
    started = time.perf_counter()
    async with await Nation.start(directory, plan=plan, progress=report.progress) as nation:
        report.running(nation, time.perf_counter() - started)
        passed = True
        first_exchange: float | None = None
        async for step in _checks(nation, once):
            if first_exchange is None and "X-Road-Id" in step.evidence:
                first_exchange = time.perf_counter() - started
            report.step(step)
            passed = passed and step.ok
        report.checked(passed, first_exchange, _memory())
        if not once and passed:
            report.addresses(nation.description)
            passed = await _until_stopped(nation, report)
    return 0 if passed else 1


async def _checks(nation: Nation, journeys: bool) -> AsyncIterator[Step]:
    async for step in tell(nation.description, nation.layout.evidence):
        yield step
    if journeys:
        async for step in tell_birth(nation.description):
            yield step
        async for step in tell_signing(nation.description):
            yield step
        async for step in tell_move(nation.description):
            yield step
        async for step in tell_audit(nation.description):
            yield step


async def _until_stopped(nation: Nation, report: _TextReport | _JsonReport) -> bool:
    """False when a part of the country has ended by itself: then all of it ends, for people to see."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    asked, failing = asyncio.create_task(stopped.wait()), asyncio.create_task(nation.failure())
    await asyncio.wait([asked, failing], return_when=asyncio.FIRST_COMPLETED)
    for task in (asked, failing):
        task.cancel()
    if not failing.done():
        return True
    report.failed(failing.result().message)
    return False


def _memory() -> int | None:
    """Bytes of memory this process holds now, where the system tells."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), None)


def _program() -> str:
    """How this very program was called, for people to copy."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "sild" else f"{sys.executable} -m sild"


class _TextReport:
    def __init__(self) -> None:
        self._console = Console(highlight=False, emoji=False)
        self._steps = 0

    def _print(self, what: str | Table) -> None:
        """Lines as they are: they are copied, and wrapped by the terminal if by anybody."""
        self._console.print(what, soft_wrap=True)

    def progress(self, what: str) -> None:
        self._print(f"[dim]starting {what}[/dim]")

    def running(self, nation: Nation, seconds: float) -> None:
        self._print(
            f"[bold]The instance {nation.plan.instance_identifier} runs[/bold] (started in {seconds:.1f} s)\n"
        )

    def step(self, step: Step) -> None:
        self._steps += 1
        mark = "[green]✓[/green]" if step.ok else "[red]✗[/red]"
        self._print(f"{mark} {self._steps}. {escape(step.title)}")
        for name, value in step.evidence.items():
            self._print(f"     [dim]{escape(name)}[/dim]  {escape(value)}")

    def checked(self, passed: bool, first_exchange: float | None, memory: int | None) -> None:
        if not passed:
            self._print("\n[red]The self-check failed.[/red] Run again with --log-level INFO to see why.")
            return
        figures = []
        if first_exchange is not None:
            figures.append(f"first exchange after {first_exchange:.1f} s")
        if memory is not None:
            figures.append(f"{memory / 2**20:.0f} MB of memory")
        self._print(f"\n[green]All checks passed[/green] ({', '.join(figures)}).")

    def addresses(self, description: dict[str, Any]) -> None:
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_row("central server", description["central_server"]["address"])
        table.add_row("trust services", description["trust_services"]["address"])
        for server in description["security_servers"]:
            for name, address in server["addresses"].items():
                table.add_row(f"{server['id']} {name.replace('_', ' ')}", address)
        gateway = description["ai_gateway"]
        models = ", ".join(gateway["models"]) or "without a model"
        table.add_row("AI gateway", escape(f"{gateway['address']}   ({models})"))
        table.add_row("what left for models abroad", gateway["egress"])
        self._print(table)
        self._print("\nTry an exchange:\n  " + escape(description["example"]["curl"]))
        container = Path(description["evidence_directory"]) / "ss2-request.asice"
        self._print(
            "\nJudge a container of the exchange above:\n  "
            + escape(f"{_program()} verify {container} --conf {description['anchor_file']}")
        )
        self._print(
            "\nJudge the evidence of a decision that the portal gave you:\n  "
            + escape(f"{_program()} decisions verify FILE --trust {description['authorities_file']}")
        )
        self._walk(description)
        self._print("\nEverything stands in nation.json too. Ctrl-C ends the country and keeps its state.")

    def _walk(self, description: dict[str, Any]) -> None:
        portal, country = description["portal"]["address"], description["country"]["names"]["en"]
        self._print(
            f"\n[bold]The portal of {country}: {portal}[/bold]   (people who do not exist; log in as one of them)"
        )
        table = Table(box=None, pad_edge=False, show_header=False)
        people = {one["id"]: one for one in description["test_people"]}
        for one in people.values():
            if not one["id"].startswith("check_"):
                table.add_row(
                    one["name"], one["country"] + one["code"], f"[dim]{escape(one['good_for'])}[/dim]"
                )
        self._print(table)
        mother, father, official = (
            people[who]["name"] for who in ("married_mother", "married_father", "birth_official")
        )
        desk = f"Log in as an official, {official}, from the log-in page's second button: "
        bound = "birth.register" in description["country"]["bound"]
        steps = [
            f"In the ward, {description['ward']['address']}, log in as {people['midwife']['name']} (first in the list), write the notice of a birth: mother {people['married_mother']['code']}, and sign it",
            f"Log in to the portal as {mother}: the case is there already. Look over what the state knows, choose a name",
            f"Log in as {father} (another browser or a private window) and confirm",
            *([] if bound else [desk + "the case is at the desk; register the birth"]),
            "See on the case's page: registered, insured, a card, a kindergarten queue. Accept the offer of benefits",
            "Open a decision there: why this much, check it again, take the evidence home, contest it",
            "Settings, “Choose for whom”, the child: its card stands in My data, with QR code and PDF",
            "Be yourself again, and see who looked",
            *([desk + "what has come is done by rule; a doubt would wait here"] if bound else []),
        ]
        self._print("\n[bold]A child is born[/bold] (five minutes)")
        for number, step in enumerate(steps, 1):
            self._print(f"  {number}. {step}")
        self._print(
            "\n[bold]A family moves[/bold]\n"
            f"  1. Log in as {mother}, begin “Moving home”, search {people['owner']['address']}, tick who moves, have the owner asked, sign\n"
            f"  2. {people['owner']['name']} owns it and is asked for consent; the other parent, for themselves and for the children\n"
            f"  3. As {people['residence_official']['name']}, an official (the second button, too), accept and decide; see which bodies know"
        )

    def failed(self, what: str) -> None:
        self._print(
            f"\n[red]{escape(what)}[/red]. The country ends; run again with --log-level INFO to see why."
        )


class _JsonReport:
    def _print(self, **values: object) -> None:
        click.echo(json.dumps(values, ensure_ascii=False))

    def progress(self, what: str) -> None:
        self._print(event="starting", what=what)

    def running(self, nation: Nation, seconds: float) -> None:
        self._print(event="running", seconds=round(seconds, 3), description=str(nation.layout.description))

    def step(self, step: Step) -> None:
        self._print(event="step", ok=step.ok, title=step.title, evidence=step.evidence)

    def checked(self, passed: bool, first_exchange: float | None, memory: int | None) -> None:
        seconds = None if first_exchange is None else round(first_exchange, 3)
        self._print(event="checked", passed=passed, first_exchange_seconds=seconds, memory_bytes=memory)

    def addresses(self, description: dict[str, Any]) -> None:
        self._print(event="serving", nation=description)

    def failed(self, what: str) -> None:
        self._print(event="failed", what=what)
