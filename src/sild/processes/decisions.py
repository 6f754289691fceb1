"""`sild decisions`: find, show, verify and replay the decisions of a body, give their evidence away, shred what must be forgotten.

Works on the database of the register that decided, beside the register or on a copy. Exit status of `verify`, `replay` and `sample`:
0 it holds, 1 it does not, 2 cannot tell.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
from cryptography import x509

from sild.clock import parse_xml_datetime, system_clock
from sild.database import open_database, sqlite_url
from sild.decisions import (
    DECISION_MIGRATIONS,
    BodyKeys,
    DecisionStore,
    Delivered,
    InLog,
    Input,
    MessageLogs,
    Recomputing,
    ReplayReport,
    RunsRules,
    Stored,
    audit_log,
    bundle_of,
    deliveries_of,
    expired_values,
    find_sample,
    keep_replay,
    open_values,
    publish_sample,
    recompute,
    render_bundle,
    replay,
    run_sample,
    shred,
    verifier_file,
    verify_bundle,
)
from sild.errors import CallerError, Unavailable
from sild.pki import Certificate, der
from sild.rules import RulePackage, load_package, shipped_packages

__all__ = ["command"]

EXIT_STATUS = {"match": 0, "mismatch": 1, "impossible": 2}


class _NoSeal:
    """A command decides nothing."""

    chain: Sequence[Certificate] = ()

    def sign(self, data: bytes) -> bytes:
        raise Unavailable("this command has no seal", code="key_not_found")


@click.group("decisions")
def command() -> None:
    """Decisions: find, show, verify, replay, give away, shred."""


def _with_store(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that reads a body's database."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For programs."),
        click.option(
            "--keys",
            required=True,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="The body's secret, `decisions.keys`: without it no sealed value can be opened.",
        ),
        click.option(
            "--database", required=True, help="Of the register that decided: a file, or postgresql://..."
        ),
    ):
        function = option(function)
    return function


def _open(database: str, keys: Path) -> DecisionStore:
    url = database if "://" in database else sqlite_url(Path(database))
    if "://" not in database and not Path(database).exists():
        raise CallerError(f"no database {database}", code="not_found")
    try:
        secret = BodyKeys(keys.read_bytes())
    except ValueError as error:
        raise CallerError(f"{keys}: {error}") from None
    return DecisionStore(open_database(url, DECISION_MIGRATIONS), _NoSeal(), secret, clock=system_clock)


@command.command("list")
@click.option("--case", help="Of this case.")
@click.option("--subject", metavar="CODE", help="About the person with this identity code.")
@click.option("--algorithm", metavar="ID", help="By this algorithm.")
@click.option("--since", metavar="TIME", help="Made at this time or later (UTC unless it says otherwise).")
@click.option("--limit", default=100, show_default=True)
@_with_store
def list_(
    database: str,
    keys: Path,
    as_json: bool,
    case: str | None,
    subject: str | None,
    algorithm: str | None,
    since: str | None,
    limit: int,
) -> None:
    """Decisions, the latest first."""
    store = _open(database, keys)
    with store.engine.connect() as connection:
        if case is not None:
            found = store.of_case(connection, case)[::-1]
        elif subject is not None:
            found = store.of_subject(connection, store.pseudonym(subject))
        else:
            found = store.listed(connection, since=_time(since), limit=limit, algorithm=algorithm)
    rows = [_row(one) for one in found[:limit]]
    if as_json:
        _print(rows)
    for row in () if as_json else rows:
        click.echo(f"{row['id']}  {row['decided_at']}  {row['effect']:8} {row['step']:24} {row['case']}")


def _row(stored: Stored) -> dict[str, Any]:
    said = stored.record.to_json()
    names = (
        "id",
        "decided_at",
        "kind",
        "automation",
        "effect",
        "step",
        "case",
        "authority",
        "algorithm",
        "supersedes",
    )
    return {name: said[name] for name in names}


@command.command()
@click.argument("decision")
@click.option("--open", "is_open", is_flag=True, help="With sealed values in clear.")
@_with_store
def show(database: str, keys: Path, as_json: bool, decision: str, is_open: bool) -> None:
    """One DECISION with all its fields, and the newer one that took its place."""
    store = _open(database, keys)
    with store.engine.connect() as connection:
        said = bundle_of(store, connection, decision)["record"]
        said["superseded_by"] = store.superseded_by(connection, decision)
        said["delivered"] = [_delivery(one) for one in deliveries_of(connection, decision)]
        opened = open_values(store, connection, decision) if is_open else {}
    said = _opened(said, {ref: one.value for ref, one in opened.items()})
    click.echo(json.dumps(said, ensure_ascii=False, indent=None if as_json else 2))


def _delivery(one: Delivered) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(one).items()
    }


def _opened(part: Any, values: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        if set(part) == {"sealed", "sha256"} and part["sealed"] in values:
            return values[part["sealed"]]
        return {name: _opened(one, values) for name, one in part.items()}
    return [_opened(one, values) for one in part] if isinstance(part, list) else part


@command.command()
@click.argument("decision")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there, not to the terminal."
)
@click.option(
    "--open",
    "is_open",
    is_flag=True,
    help="With openings of all sealed values: for the person, an auditor, a court.",
)
@click.option(
    "--since", type=int, metavar="SIZE", help="Prove that the log has grown from a head of this size."
)
@_with_store
def bundle(
    database: str,
    keys: Path,
    as_json: bool,
    decision: str,
    output: Path | None,
    is_open: bool,
    since: int | None,
) -> None:
    """The evidence of a DECISION in one file (always JSON), that verify_decision.py checks."""
    store = _open(database, keys)
    with store.engine.connect() as connection:
        made = bundle_of(store, connection, decision, open_refs=None if is_open else (), since=since)
    if output is None:
        click.echo(render_bundle(made), nl=False)
    else:
        output.write_bytes(render_bundle(made))


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates you believe, PEM; may be given several times.",
)
@click.option(
    "--head", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A checkpoint you kept."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def verify(
    context: click.Context, file: Path, trust: tuple[Path, ...], head: Path | None, as_json: bool
) -> None:
    """Check a bundle FILE as the stand-alone verifier does."""
    kept = None if head is None else head.read_text("utf-8")
    found = verify_bundle(file.read_bytes(), _certificates(trust), head=kept)
    verdicts = {finding.verdict for finding in found}
    if as_json:
        _print([asdict(finding) for finding in found])
    for finding in () if as_json else found:
        click.echo(f"{finding.verdict}: {finding.text}")
    context.exit(1 if "broken" in verdicts else 2 if "unknown" in verdicts else 0)


@command.command()
def verifier() -> None:
    """Print the stand-alone verifier: one file of Python, to be given away."""
    click.echo(verifier_file().read_text("utf-8"), nl=False)


@command.command()
@click.argument("decision")
@click.option("--to", "person", required=True, metavar="CODE", help="Identity code of whom it reached.")
@click.option(
    "--channel", type=click.Choice(["paper", "post", "counter"]), default="paper", show_default=True
)
@click.option("--failed", is_flag=True, help="It came back.")
@click.option("--at", metavar="TIME", help="When (UTC unless it says otherwise); else now.")
@click.option("--language", default="mul", show_default=True)
@_with_store
def delivered(
    database: str,
    keys: Path,
    as_json: bool,
    decision: str,
    person: str,
    channel: str,
    failed: bool,
    at: str | None,
    language: str,
) -> None:
    """Write down that a DECISION reached somebody on paper; the portal tells of inboxes by itself."""
    store = _open(database, keys)
    news = store.delivered(
        decision,
        channel=channel,
        language=language,
        event="failed" if failed else "delivered",
        at=_time(at),
        to=store.pseudonym(person),
    )
    _print({"known": not news}) if as_json else click.echo("written down" if news else "it was known")


@command.command()
@_with_store
@click.pass_context
def audit(context: click.Context, database: str, keys: Path, as_json: bool) -> None:
    """Look over the whole database: every record, seal, chain, leaf, head and time-stamp, computed again."""
    store = _open(database, keys)
    with store.engine.connect() as connection:
        faults = list(audit_log(connection))
    if as_json:
        _print({"faults": faults})
    else:
        click.echo("\n".join(faults) or "all of it holds")
    context.exit(1 if faults else 0)


@command.command("replay")
@click.argument("decision")
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates you believe, PEM; may be given several times.",
)
@click.option("--keep", is_flag=True, help="Write the result down: it counts in the public match rate.")
@click.option(
    "--security-server",
    metavar="URL",
    help="Of the body that decided, http://HOST:8080: both message logs are asked for the messages of the inputs.",
)
@click.option(
    "--client", metavar="SUBSYSTEM", help="With --security-server: as whom, SILD/GOV/70000004/social."
)
@_with_store
@click.pass_context
def replay_(
    context: click.Context,
    database: str,
    keys: Path,
    as_json: bool,
    decision: str,
    trust: tuple[Path, ...],
    keep: bool,
    security_server: str | None,
    client: str | None,
) -> None:
    """Make a DECISION again out of its evidence: equal byte for byte, or the first node that differs."""
    if (security_server is None) != (client is None):
        raise click.UsageError("--security-server and --client belong together")
    store = _open(database, keys)
    find = None if client is None else partial(_in_both_logs, security_server or "", client)
    with _rules() as engine:
        report = _replayed(store, decision, engine, _certificates(trust), find)
    if keep:
        keep_replay(store, report)
    if as_json:
        _print(report.to_json())
    else:
        for step in report.steps:
            click.echo(f"{step.number} {step.verdict}: {step.text}")
        if report.difference is not None:
            click.echo(
                f"recorded: {report.difference['recorded']}\nreplayed: {report.difference['replayed']}"
            )
        click.echo(report.result)
    context.exit(EXIT_STATUS[report.result])


def _rules() -> Any:  # RuleEngine, imported late: most commands run no rules
    from sild.rule_engine import RuleEngine

    return RuleEngine(workers=1)


def _replayed(
    store: DecisionStore,
    decision: str,
    engine: RunsRules,
    trusted: list[bytes],
    find: Callable[[Sequence[Input], datetime, str], Mapping[str, Sequence[InLog]]] | None = None,
) -> ReplayReport:
    """find: where the messages of these inputs lie; None: nobody is asked, and the report says so."""
    with store.engine.connect() as connection:
        made = bundle_of(store, connection, decision, open_refs=None)
        record = store.find(connection, decision).record
    found = None if find is None else find(record.inputs, record.decided_at, record.case)
    return replay(
        made, engine=engine, trusted=trusted, find_message=None if found is None else found.__getitem__
    )


def _in_both_logs(
    url: str, client: str, inputs: Sequence[Input], by: datetime, case: str
) -> Mapping[str, Sequence[InLog]]:
    from sild.adapter import AsyncXRoadClient, ClientId  # late: most commands ask nobody
    from sild.registries import over_the_exchange

    try:
        asker = ClientId.decode(client)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None

    async def ask() -> Mapping[str, Sequence[InLog]]:
        async with AsyncXRoadClient(url, asker) as exchange:
            logs = MessageLogs(asker.encode(), over_the_exchange(exchange, case))
            return await logs.find(inputs, by=by)

    return asyncio.run(ask())


@command.command()
@click.argument("sample")
@click.option("--publish", is_flag=True, help="Fix the sample and print its seed, before anything is drawn.")
@click.option("--begins", metavar="TIME", help="With --publish: of decisions from this time on,")
@click.option("--ends", metavar="TIME", help="and before this one.")
@click.option("--size", default=20, show_default=True)
@_with_store
@click.pass_context
def sample(
    context: click.Context,
    database: str,
    keys: Path,
    as_json: bool,
    sample: str,
    publish: bool,
    begins: str | None,
    ends: str | None,
    size: int,
) -> None:
    """Draw SAMPLE, published earlier, and replay it; what was replayed already is not again."""
    store = _open(database, keys)
    if publish:
        begin, end = _time(begins), _time(ends)
        if begin is None or end is None or begin >= end:
            raise click.UsageError("--publish needs --begins and a later --ends")
        made = publish_sample(store, sample, begins=begin, ends=end, size=size)
        said = {"sample": made.id, "seed": made.seed}
        _print(said) if as_json else click.echo(f"{made.id}: seed {made.seed}")
        return
    with store.engine.connect() as connection:
        drawn = find_sample(connection, sample)
    with _rules() as engine:
        rate = run_sample(store, drawn, lambda decision: _replayed(store, decision, engine, []))
    if as_json:
        _print({"sample": sample, "seed": drawn.seed, **asdict(rate), "percent": rate.percent})
    else:
        click.echo(f"{rate.matched} equal, {rate.mismatched} not, {rate.impossible} cannot be told")
    context.exit(1 if rate.mismatched else 0 if rate.matched else 2)


@command.command("recompute")
@click.argument("package")
@click.option("--dry-run", is_flag=True, help="Only list: nothing is written down, and nothing ripples.")
@_with_store
@click.pass_context
def recompute_(
    context: click.Context, database: str, keys: Path, as_json: bool, package: str, dry_run: bool
) -> None:
    """List the decisions in force that PACKAGE, a new version of rules, would give otherwise.

    PACKAGE: a directory, or NAME or NAME@VERSION of one that Sild ships. Each that differs ripples: the register takes it up as it does
    what a corrected fact reached. Killed, it goes on where it was. Exit status: 0 none differs, 1 some do, 2 some cannot be told.
    """
    store, rules = _open(database, keys), _rule_package(package)
    counted = {"same": 0, "differs": 0, "impossible": 0}
    found, total, done, shown = [], 0, 0, 0
    with _rules() as engine:
        for one in recompute(store, rules, engine, keep=not dry_run):
            if isinstance(one, Recomputing):
                total, done = one.total, one.done
                click.echo(
                    f"{rules.name} {rules.version}: {total} decisions in force, {done} looked at before",
                    err=True,
                )
                continue
            counted[one.found] += 1
            seen = done + sum(counted.values())
            if 100 * seen // max(total, 1) > shown:
                shown = 100 * seen // max(total, 1)
                click.echo(f"{shown} %, {seen} of {total}", err=True)
            if one.found != "same":
                found.append(one)
                if not as_json:
                    click.echo(f"{one.decision}  {one.found:10}  {', '.join(one.names)}")
    if as_json:
        said = {"package": rules.name, "version": rules.version, "sha256": rules.sha256, "decisions": total}
        _print({**said, "looked_at_before": done, **counted, "found": [asdict(one) for one in found]})
    else:
        click.echo(
            f"{counted['same']} the same, {counted['differs']} otherwise, {counted['impossible']} cannot be told"
        )
    context.exit(1 if counted["differs"] else 2 if counted["impossible"] else 0)


def _rule_package(text: str) -> RulePackage:
    """Raises CallerError (`unknown_package`), as `load_package`."""
    if Path(text).is_dir():
        return load_package(Path(text))
    name, _, version = text.partition("@")
    shipped = [one for one in shipped_packages().values() if one.name == name]
    fitting = [one for one in shipped if version in ("", one.version)]
    if not fitting:
        raise CallerError(f"no rule package {text[:60]}", code="unknown_package")
    return max(fitting, key=lambda one: tuple(map(int, one.version.split("."))))


@command.command("shred")
@click.argument("values", nargs=-1)
@click.option("--decision", help="All sealed values of this decision.")
@click.option(
    "--expired", metavar="DATE", help="All whose decisions need not be retained any more on that day."
)
@click.option("--ground", required=True, help="Why: it stands in the log for ever.")
@click.confirmation_option(prompt="What is shredded cannot be brought back. Go on?")
@_with_store
def shred_(
    database: str,
    keys: Path,
    as_json: bool,
    values: tuple[str, ...],
    decision: str | None,
    expired: str | None,
    ground: str,
) -> None:
    """Destroy key and salt of sealed VALUES. Records, hashes and proofs stay as they are."""
    store = _open(database, keys)
    refs = set(values)
    with store.engine.connect() as connection:
        if decision is not None:
            refs |= open_values(store, connection, decision).keys()
        if expired is not None:
            refs |= set(expired_values(connection, date.fromisoformat(expired)))
    destroyed = shred(store, refs, ground=ground)
    _print({"shredded": destroyed}) if as_json else click.echo(f"{destroyed} values are gone")


def _certificates(files: Sequence[Path]) -> list[bytes]:
    found = []
    for file in files:
        try:
            found += [der(one) for one in x509.load_pem_x509_certificates(file.read_bytes())]
        except ValueError:
            raise CallerError(f"{file}: no certificates in PEM") from None
    return found


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_xml_datetime(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time; write 2026-03-02T09:00:00Z") from None


def _print(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))
