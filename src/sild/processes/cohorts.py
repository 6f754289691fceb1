"""`sild cohorts`: make a population, run a rule package over it, look at what came of it, compare two laws (docs/cohorts.md)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from sild import cohorts
from sild.errors import CallerError
from sild.rule_engine import RuleEngine
from sild.rules import RulePackage, decimal_text, load_package, shipped_packages

if TYPE_CHECKING:
    from sild.cohorts import Comparison, Run

__all__ = ["command"]

PARTS_OF_A_MILLION = 1_000_000
DIRECTORY = click.Path(file_okay=False, path_type=Path)
BAR = 40
WIDTH = 110


@click.group("cohorts")
def command() -> None:
    """Rule packages over a whole population, in columns. Needs the extra `cohorts`."""
    try:
        import pyarrow  # noqa: F401  # is it there?
    except ImportError:
        raise CallerError("pyarrow is not installed: pip install 'sild[cohorts]'") from None


@command.command()
@click.option("--people", required=True, type=click.IntRange(1), help="How many.")
@click.option("--dir", "directory", required=True, type=DIRECTORY, help="Where; what is there is replaced.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option("--country", "countries", multiple=True, help="EE or VN; both unless said.")
@click.option("--missing", default=0.01, show_default=True, help="Share of facts that nobody has.")
@click.option("--births", default=1.0, show_default=True, help="Share of households with a new child.")
@click.option("--chunk", default=100_000, show_default=True, help="People in a chunk: bounds memory.")
@click.option("--workers", default=0, help="Processes; a core each unless said.")
def make(
    people: int,
    directory: Path,
    seed: int,
    countries: tuple[str, ...],
    missing: float,
    births: float,
    chunk: int,
    workers: int,
) -> None:
    """Synthetic people, the same ones of the same seed."""
    recipe = cohorts.Recipe(
        people=people,
        seed=seed,
        countries=countries or ("EE", "VN"),
        missing=round(missing * PARTS_OF_A_MILLION),
        births=round(births * PARTS_OF_A_MILLION),
        chunk=chunk,
    )
    with _progress() as show:
        show.begin("making", people, 0)
        made = cohorts.make_population(
            recipe, directory, workers=workers or os.cpu_count() or 1, done=show.advance
        )
    click.echo(f"{made.people:,} people in {len(made.chunks)} chunks, population {made.sha256[:16]}")


@command.command()
@click.option("--package", "name", required=True, help="A package's name, NAME@VERSION, or a directory.")
@click.option("--people-dir", required=True, type=DIRECTORY, help="A population of `make`.")
@click.option("--out", type=DIRECTORY, help="The run's directory; PEOPLE-DIR/runs/NAME-HASH unless said.")
@click.option("--engine", type=click.Choice(["processes", "dask"]), default="processes", show_default=True)
@click.option("--scheduler", help="Of the Dask cluster: tcp://HOST:8786.")
@click.option("--workers", default=0, help="Rule processes on this machine; a core each unless said.")
@click.option("--resume", is_flag=True, help="Go on with a run; finished chunks are not computed again.")
@click.option("--at", type=click.DateTime(["%Y-%m-%d"]), help="The day; the population's own unless said.")
@click.option("--output", "outputs", multiple=True, help="Outputs; the amounts of the package unless said.")
@click.option(
    "--what-if", multiple=True, metavar="PATH@DATE=VALUE", help="Another value of a parameter from a day on."
)
@click.option(
    "--check", default=100, show_default=True, help="So many at random through the path for one person."
)
@click.option("--seconds", default=600.0, show_default=True, help="A chunk may take, processor and wall.")
@click.option("--memory", default=4096, show_default=True, help="MiB a rule process may add.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@click.pass_context
def run(
    ctx: click.Context,
    name: str,
    people_dir: Path,
    out: Path | None,
    engine: str,
    scheduler: str | None,
    workers: int,
    resume: bool,
    at: datetime | None,
    outputs: tuple[str, ...],
    what_if: tuple[str, ...],
    check: int,
    seconds: float,
    memory: int,
    as_json: bool,
) -> None:
    """Compute a package for everybody in its country. Exit status 1: a household failed, or the check found a difference."""
    package = _package(name)
    for change in what_if:
        package = cohorts.with_parameter(package, change)
    if engine == "dask" and not scheduler:
        raise click.UsageError("--engine dask needs --scheduler")
    directory = out or people_dir / "runs" / f"{package.name}-{package.sha256[:12]}"
    began = time.monotonic()
    with _progress(quiet=as_json) as show:
        found = cohorts.run_package(
            package,
            people_dir,
            directory,
            cohorts.Dask(scheduler) if scheduler and engine == "dask" else cohorts.Processes(workers),
            at=_day(at),
            outputs=outputs,
            resume=resume,
            limits=cohorts.Limits(seconds, memory << 20),
            starting=lambda people, before: show.begin(package.name, people, before),
            done=show.line,
        )
        took = time.monotonic() - began
        show.begin("checking", min(check, sum(line["decided"] for line in found.lines.values())), 0)
        with RuleEngine(workers=1) as rules:
            differences = cohorts.check_run(found, rules.evaluate, check, done=show.advance)
    told = {
        **_told(found),
        "seconds": round(took, 2),
        "people_per_second": round(show.computed / took),
        "cpu_seconds": round(show.cpu, 2),
        "peak_memory": sum(show.peak.values()),
        "checked": check,
        "differences": [asdict(each) for each in differences],
    }
    if as_json:
        click.echo(json.dumps(told, indent=1))
    else:
        _print_run(found)
        click.echo(
            f"{show.computed:,} people computed in {took:.1f} s, {told['people_per_second']:,} a second, "
            f"{show.cpu:.1f} s of processors, {told['peak_memory'] / 1e6:,.0f} MB at most in all processes"
        )
        click.echo(f"checked against the path for one: {check}, different: {len(differences)}")
        for each in differences[:10]:
            click.echo(f"  {each.household} {each.result}: columns {each.columns}, alone {each.alone}")
    ctx.exit(1 if differences or found.failed else 0)


@command.command("show")
@click.argument("directory", type=DIRECTORY)
@click.option("--result", help="Show how this result is spread; the first amount unless said.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write that as SVG.")
@click.option(
    "--missing",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a CSV of missing facts by holder.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def show_run(
    directory: Path, result: str | None, plot: Path | None, missing: Path | None, as_json: bool
) -> None:
    """Totals of a run, spread, unknowns by who would know."""
    found = cohorts.Run.read(directory)
    if missing is not None:
        cohorts.write_missing(found, missing)
    if as_json:
        click.echo(json.dumps(_told(found), indent=1))
        return
    _print_run(found)
    spread = [name for name, figures in cohorts.totals(found).items() if "sum" in figures]
    if not spread and result is None:
        return
    picture = cohorts.histogram(found, result or spread[-1])
    if plot is not None:
        package = found.head["package"]
        title = f"{picture.name}: {package['name']} {package['version']}, {found.people:,} people"
        plot.write_text(cohorts.histogram_svg(picture, title))
    click.echo(picture.name)
    for place, count in enumerate(picture.counts):
        low = picture.edges[place]
        said = decimal_text(low, picture.currency) if picture.currency else str(low)
        click.echo(f"{said:>16} {'█' * round(BAR * count / max(picture.counts))} {count:,}")


@command.command()
@click.argument("old", type=DIRECTORY)
@click.argument("new", type=DIRECTORY)
@click.option(
    "--list", "listing", type=click.Path(dir_okay=False, path_type=Path), help="CSV of those to decide again."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def compare(old: Path, new: Path, listing: Path | None, as_json: bool) -> None:
    """Two runs over one population: who gains, who loses, who is to be decided again."""
    before = cohorts.Run.read(old)
    found = cohorts.compare_runs(before, cohorts.Run.read(new), listing)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
    else:
        _print_comparison(before, found)
    if listing is not None and not as_json:
        click.echo(f"listed in {listing}")


def _package(name: str) -> RulePackage:
    """The newest of a name, unless a version is said."""
    if Path(name).is_dir():
        return load_package(Path(name))
    called, _, version = name.partition("@")
    packages = shipped_packages().values()
    found = [p for p in packages if p.name == called and version in ("", p.version)]
    if not found:
        names = ", ".join(sorted({package.name for package in packages}))
        raise CallerError(f"no rule package {name}; there are {names}", code="unknown_package")
    return max(found, key=lambda package: tuple(map(int, package.version.split("."))))


def _day(at: datetime | None) -> date | None:
    return None if at is None else at.date()


def _told(found: Run) -> dict[str, Any]:  # plain JSON
    return {
        "package": found.head["package"],
        "at": found.head["at"],
        "population": found.head["population"]["sha256"],
        "finished": found.finished,
        "people": found.people,
        "decided": sum(line["decided"] for line in found.lines.values()),
        "results": cohorts.totals(found),
        "unknowns": [asdict(each) for each in cohorts.unknowns_by_holder(found)],
        "failed": found.failed,
        "sha256": found.sha256,
    }


def _print_run(found: Run) -> None:
    console = Console(highlight=False, width=WIDTH)
    package = found.head["package"]
    state = "" if found.finished else f", {len(found.lines)} of {len(found.head['chunks'])} chunks finished"
    console.print(
        f"{package['name']} {package['version']} at {found.head['at']}: {found.people:,} people{state}"
    )
    table = Table("result", "known", "unknown", "sum", "mean", "least", "most")
    for name, told in cohorts.totals(found).items():
        figures = [str(told.get(what, "")) for what in ("sum", "mean", "least", "most")]
        table.add_row(name, f"{told['known']:,}", f"{told['unknown']:,}", *figures)
    console.print(table)
    for each in cohorts.unknowns_by_holder(found):
        console.print(f"missing at {each.holder}: {each.concept} ({each.cause}) blocks {each.blocked:,}")
    for failure in found.failed:
        console.print(f"failed: household {failure['household']}, {failure['code']} at {failure['node']}")
    console.print(f"results {found.sha256}")


def _print_comparison(before: Run, found: Comparison) -> None:
    console = Console(highlight=False, width=WIDTH)
    table = Table("result", "same", "gain", "by", "lose", "by", "otherwise")
    for name, change in found.changes.items():
        currency = before.head["results"][name]["currency"]
        gain, loss = (
            decimal_text(units, currency) if currency else str(units) for units in (change.gain, change.loss)
        )
        table.add_row(
            name,
            f"{change.same:,}",
            f"{change.gainers:,}",
            gain,
            f"{change.losers:,}",
            loss,
            f"{change.other:,}",
        )
    console.print(table)
    console.print(f"to decide again: {found.again:,} of {found.decided:,}")


class _Show:
    """People done, people a second, memory of this process and its children (of a cluster: as reported), time left."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._task = bar, TaskID(0)
        self._began = time.monotonic()
        self.computed, self.cpu = 0, 0.0
        self.peak: dict[str, int] = {}

    def begin(self, what: str, total: int, before: int) -> None:
        for task in self._bar.task_ids:
            self._bar.update(task, visible=False)
        self._began = time.monotonic()
        self._task = self._bar.add_task(what, total=total, completed=before, rate="", memory="")

    def line(self, line: Mapping[str, Any]) -> None:
        self.computed += line["people"]
        self.cpu += line["cpu"]
        for process, peak in line["peak"].items():
            self.peak[process] = max(self.peak.get(process, 0), peak)
        rate = self.computed / max(time.monotonic() - self._began, 1e-6)
        self._bar.update(self._task, advance=line["people"], rate=f"{rate:,.0f}/s", memory=_memory())

    def advance(self, count: int) -> None:
        self._bar.update(self._task, advance=count, memory=_memory())


@contextmanager
def _progress(quiet: bool = False) -> Iterator[_Show]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[memory]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, quiet=quiet)
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Show(bar)


def _memory() -> str:
    own = psutil.Process()
    total = 0
    for process in (own, *own.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return f"{total / 1e6:,.0f} MB"
