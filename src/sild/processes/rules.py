"""`sild rules`: what rule packages there are, what they say of a situation and why, what would have to be otherwise.

Packages run in a worker process, as everywhere (docs/rules.md). Exit status 0; 1 when an answer is unknown or a test fails.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TextIO

import click

import sild
from sild.clock import system_clock
from sild.rule_engine import RuleEngine
from sild.rules import (
    Asked,
    Evaluation,
    RulePackage,
    Situation,
    failures_of_tests,
    load_package,
    outputs_of_choices,
    reasons,
    shipped_packages,
)

__all__ = ["command"]

PACKS = Path(sild.__file__).parent / "packs"
situation_argument = click.argument("situation", type=click.File("r"))
outputs_argument = click.argument("outputs", nargs=-1, metavar="[INSTANCE/VARIABLE[@PERIOD]]...")
at_option = click.option(
    "--at", type=click.DateTime(["%Y-%m-%d"]), help="The day at which facts and law are looked."
)


@click.group(name="rules")
def command() -> None:
    """Rule packages: list, show, evaluate, what-if, test. PACKAGE is a name, a name@version or a directory."""


@command.command(name="list")
def list_packages() -> None:
    """Names, versions and hashes of the packages that are shipped."""
    for package in sorted(shipped_packages().values(), key=lambda p: (p.name, p.version)):
        click.echo(
            f"{package.name}@{package.version}  {package.country:6}  {package.sha256}  {package.title['en']}"
        )


@command.command()
@click.argument("package")
def show(package: str) -> None:
    """The facts a package needs and who has them, its outputs, its law with dates and articles."""
    found = _package(package)
    click.echo(f"{found.name}@{found.version}  {found.sha256}\n\nfacts")
    for name, fact in found.facts.items():
        click.echo(
            f"  {name:22} {fact.entity:8} {fact.type:8} {fact.period:8} {fact.concept} ({fact.holder})"
        )
    click.echo("\noutputs")
    for name, output in found.outputs.items():
        click.echo(
            f"  {name:22} {output.entity:8} {output.type:8} {output.period:8} {output.label.get('en', '')}"
        )
    click.echo("\nlaw")
    for path, history in found.parameters.items():
        for value in history:
            click.echo(f"  {path:32} {value.valid_from}  {value.value:>12} {value.unit:8} {value.article}")


@command.command()
@click.argument("package")
@situation_argument
@outputs_argument
@at_option
@click.option("--json", "as_json", is_flag=True, help="The whole evaluation, with its trace.")
@click.pass_context
def evaluate(
    context: click.Context,
    package: str,
    situation: TextIO,
    outputs: tuple[str, ...],
    at: datetime | None,
    as_json: bool,
) -> None:
    """What a package says of SITUATION (JSON as OpenFisca's /calculate has it; `-` is standard input). Without OUTPUTS: all that choices need."""
    found, told = _package(package), _read(situation)
    with RuleEngine(workers=1) as engine:
        asked = _asked(outputs) or _all_of_choices(found, told)
        evaluation = engine.evaluate(found, told, asked, at=(at or system_clock()).date())
    if as_json:
        click.echo(json.dumps(evaluation.to_json(), ensure_ascii=False, indent=1))
    else:
        _say(found, evaluation)
    context.exit(1 if evaluation.unknowns else 0)


@command.command(name="what-if")
@click.argument("package")
@situation_argument
@outputs_argument
@at_option
def what_if(package: str, situation: TextIO, outputs: tuple[str, ...], at: datetime | None) -> None:
    """The smallest lawful change of one fact that changes an output."""
    found, told = _package(package), _read(situation)
    with RuleEngine(workers=1) as engine:
        asked = _asked(outputs) or _all_of_choices(found, told)
        changes = engine.counterfactuals(found, told, asked, at=(at or system_clock()).date())
    for change in changes:
        click.echo(json.dumps(asdict(change), ensure_ascii=False))


@command.command()
@click.argument("package")
@click.pass_context
def test(context: click.Context, package: str) -> None:
    """Runs the tests that a package brings."""
    found = _package(package)
    with RuleEngine(workers=1) as engine:
        compared, failures = failures_of_tests(
            found, lambda s, asked, at: engine.evaluate(found, s, asked, at=at)
        )
    for failure in failures:
        click.echo(failure)
    click.echo(f"{found.name}@{found.version}: {compared} values, {len(failures)} not as expected")
    context.exit(1 if failures else 0)


def _read(file: TextIO) -> Situation:
    try:
        told: Situation = json.load(file)
    except ValueError:
        raise click.BadParameter("the situation is no JSON") from None
    return told


def _say(package: RulePackage, evaluation: Evaluation) -> None:
    for value in evaluation.values:
        shown = "unknown" if value.value is None else value.value
        click.echo(f"{value.entity}/{value.variable}@{value.period}  {shown}")
    for unknown in evaluation.unknowns:
        click.echo(
            f"{unknown.why}: {unknown.entity}/{unknown.variable}@{unknown.period}, ask {unknown.holder} ({unknown.concept})"
        )
    for reason in reasons(package, evaluation):
        click.echo(f"{reason.article}: {reason.text['en']}")
    click.echo(f"trace {evaluation.trace.root}")


def _package(said: str) -> RulePackage:
    if (Path(said) / "package.yaml").is_file():
        return load_package(Path(said))
    name, _, version = said.partition("@")
    found = [p for p in shipped_packages().values() if p.name == name and version in ("", p.version)]
    if not found:
        raise click.BadParameter(f"no rule package {said}; `sild rules list` tells which there are")
    return max(found, key=lambda p: tuple(map(int, p.version.split("."))))


def _all_of_choices(package: RulePackage, situation: Situation) -> list[Asked]:
    asked = outputs_of_choices(package, situation)
    if not asked:
        raise click.UsageError(f"{package.name} has no choices: name INSTANCE/VARIABLE[@PERIOD]")
    return asked


def _asked(outputs: Sequence[str]) -> list[Asked]:
    asked = []
    for output in outputs:
        what, _, period = output.partition("@")
        instance, slash, variable = what.rpartition("/")
        if not slash:
            raise click.BadParameter(f"{output} is not INSTANCE/VARIABLE[@PERIOD]")
        asked.append((instance, variable, period or "ETERNITY"))
    return asked
