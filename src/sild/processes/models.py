"""`sild models`: make a glass-box model again from its data, and compare it with the one that is in use."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
import yaml

import sild
from sild.errors import CallerError
from sild.models import parse_card, parse_model, predicted_plot, term_plot
from sild.models.training import HELD_OUT, Trained, train
from sild.registries.education.statistics import statistics_of

__all__ = ["command"]

PACKS = Path(sild.__file__).parent / "packs"
WHERE = {"kindergarten-demand": PACKS / "education" / "models" / "kindergarten-demand" / "1"}
LAST_YEAR = HELD_OUT


@click.group("models")
def command() -> None:
    """Glass-box models: how they are made, and what they are worth."""


@command.command("train")
@click.argument("model", type=click.Choice(sorted(WHERE)))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where model.json and evaluation.json go; by default nothing is written but compared with the pack's.",
)
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the plots go, SVG files in English.",
)
@click.option("--seed", default=1, show_default=True)
def train_model(model: str, out: Path | None, plots: Path | None, seed: int) -> int:
    """Train MODEL on its synthetic data (needs the extra `models`) and tell its accuracy on a year that it did not see.

    Exit status 1 when nothing is written and the result is not, byte for byte, the model of the pack.
    """
    made = train([asdict(row) for row in statistics_of(LAST_YEAR)], seed)
    _, sha256 = parse_model(made.model)
    click.echo(f"{model} sha256 {sha256}")
    told = json.loads(made.evaluation)
    for name in ("model", "last_year", "mean_of_three_years", "average_change"):
        one = told[name]
        click.echo(
            f"{told['year']} {name}: {one['places']:.1f} places, {one['percent']:.2f} %, bias {one['bias']:+.2f} %"
        )
    click.echo(
        f"intervals of {told['interval_share']:.0%} held {told['interval_held']:.1%} of {told['model']['cases']}"
    )
    if plots is not None:
        _draw(made, WHERE[model], plots)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "model.json").write_bytes(made.model)
        (out / "evaluation.json").write_bytes(made.evaluation)
        return 0
    same = (WHERE[model] / "model.json").read_bytes() == made.model
    click.echo("the model of the pack, byte for byte" if same else "NOT the model of the pack")
    return 0 if same else 1


def _draw(made: Trained, pack: Path, plots: Path) -> None:
    card = parse_card(yaml.safe_load((pack / "card.yaml").read_text("utf-8")))
    labels = {name: text["en"] for name, text in card.features.items()}
    plots.mkdir(parents=True, exist_ok=True)
    for term in made.box.terms:
        label = " × ".join(labels[name] for name in term.features)
        drawn = term_plot(made.box, term, label, labels, standalone=True)
        (plots / f"{'-'.join(term.features)}.svg").write_text(drawn + "\n", "utf-8")
    if not made.pairs:
        raise CallerError("no cases in the held-out year", code="invalid_rows")
    axes = ("Predicted change, %", "Real change, %")
    drawn = predicted_plot(made.pairs, f"Predicted and real change, {HELD_OUT}", axes, standalone=True)
    (plots / "predicted.svg").write_text(drawn + "\n", "utf-8")
