"""The command `sild`: one sub-command a process or tool, imported only when called so that `sild --help` is instant."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from sild import __version__
from sild.errors import PlatformError

_COMMANDS = {
    "ai-gateway": ("sild.processes.ai_gateway", "Run the gateway to AI models, its keys and switches."),
    "archive": ("sild.processes.archive", "List, take out and check what the archive holds."),
    "assistant": (
        "sild.processes.assistant",
        "Measure the portal's assistant on its question set, or ask it.",
    ),
    "bench": ("sild.processes.bench", "Measure exchanges beside the cryptographic floor."),
    "central-server": ("sild.processes.central_server", "Run a central server."),
    "cohorts": ("sild.processes.cohorts", "Run rule packages over a whole population; compare two laws."),
    "configuration-proxy": ("sild.processes.configuration_proxy", "Run or administer a configuration proxy."),
    "decisions": ("sild.processes.decisions", "Find, verify and replay decisions; shred sealed values."),
    "documents": ("sild.processes.documents", "Check cards and certificates that people show."),
    "demo": ("sild.processes.demo", "Start a whole country on this machine."),
    "models": ("sild.processes.models", "Train a glass-box model and tell what it is worth."),
    "op-monitor": ("sild.processes.op_monitor", "Run an operational monitoring daemon."),
    "identity": ("sild.processes.identity", "Run an identity provider."),
    "message-log-key": ("sild.processes.message_log_key", "Add a key to the keystore of encrypted records."),
    "message-log-witness": (
        "sild.processes.message_log_witness",
        "Say which requests in a log name a person.",
    ),
    "portal": ("sild.processes.portal", "Run a portal with its case system."),
    "registry": ("sild.processes.registry", "Run a register: population, residence, insurance, ..."),
    "rules": ("sild.processes.rules", "Evaluate rule packages: what they say, and why."),
    "security-server": ("sild.processes.security_server", "Run a security server."),
    "treasury": ("sild.processes.treasury", "Payments: files for the bank, and what it says of them."),
    "trust": ("sild.processes.trust", "Run certification, OCSP and time-stamping services."),
    "verify": ("sild.processes.verify", "Judge an evidence container, an archive or a recorded message."),
}


class _Commands(click.Group):
    """Sub-commands by name; each module offers one click command called `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command = import_module(_COMMANDS[name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{_COMMANDS[name][0]}.command is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, text) in sorted(_COMMANDS.items())])


@click.command(cls=_Commands)
@click.version_option(__version__, prog_name="sild")
def cli() -> None:
    """A digital state in one package: an X-Road exchange, registers, and the evidence for both."""


def main() -> None:
    """Entry point: a refusal is one line with its code and exit status 2, not a trace."""
    try:
        status = cli(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except PlatformError as error:
        click.echo(f"sild: {error}", err=True)
        sys.exit(2)
