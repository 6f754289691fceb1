"""The command `sild`."""

from __future__ import annotations

import click

from sild import __version__


@click.group()
@click.version_option(__version__, prog_name="sild")
def main() -> None:
    """A digital state in one package."""
