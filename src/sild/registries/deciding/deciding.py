"""From facts to a record: rules are asked in their sandbox; what they say becomes a decision, sealed in the transaction of its effect."""

from __future__ import annotations

import atexit
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, Self
from uuid import UUID

from sild import rules as sild_rules
from sild.clock import Clock
from sild.decisions import (
    Algorithm,
    Competence,
    Counterfactual,
    DecisionRecord,
    DecisionStore,
    Draft,
    Hearing,
    LegalBasis,
    Outcome,
    OutcomeItem,
    Parameter,
    Reason,
    Remedy,
    Retention,
    Rounding,
    RuleRef,
    Secret,
    Subject,
    Unknown,
)
from sild.errors import CallerError
from sild.registries.deciding.body import Body, Certify, open_body
from sild.registries.deciding.facts import KnownFact, situation_of
from sild.registries.kernel import Kernel, Use
from sild.rule_engine import RuleEngine
from sild.rules import Asked, Evaluation, RulePackage, load_packages, outputs_of_choices, reasons

__all__ = ["Deciding", "Judged", "Ruling"]

Effect = Literal["offer", "grant", "partial", "refuse", "demand", "hold", "correct"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of the facts. Nothing is decided by it yet."""

    package: RulePackage
    facts: tuple[KnownFact, ...]
    evaluation: Evaluation
    counterfactuals: tuple[sild_rules.Counterfactual, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision about to be recorded.

    step: what is decided in the case.  service: of the catalogue.  algorithm: its entry in the register of algorithms.
    subjects: identity code and role.  items: of the outcome that no rule gave, such as whose choice it was; their values are
    sealed.  outputs: of the rules, that the outcome consists of; None: all that were asked.
    supersedes: id of the decision that this one takes the place of.
    """

    effect: Effect
    step: str
    service: str
    algorithm: str
    purpose: str
    subjects: tuple[tuple[str, str], ...]
    outcome: str
    items: tuple[OutcomeItem, ...] = ()
    outputs: tuple[Asked, ...] | None = None
    reasons: tuple[Reason, ...] = ()
    remedy: Remedy | None = None
    retain_until: date | None = None
    retention_ground: str = "arhiiviseadus"
    supersedes: str | None = None


class Deciding:
    """authority: the body, `INSTANCE/CLASS/CODE`.  packages: by content hash; of a name the highest version judges."""

    def __init__(
        self,
        kernel: Kernel,
        body: Body,
        authority: str,
        *,
        clock: Clock,
        engine: RuleEngine | None = None,
        packages: Mapping[str, RulePackage] | None = None,
    ) -> None:
        self.kernel = kernel
        self.authority = authority
        self.store = DecisionStore(kernel.engine, body.sealer, body.keys, clock=clock)
        self.packages = shipped_packages() if packages is None else packages
        self._engine = engine

    @classmethod
    def open(
        cls,
        kernel: Kernel,
        directory: Path,
        *,
        clock: Clock,
        engine: RuleEngine | None = None,
        certify: Certify | None = None,
    ) -> Self:
        """With the body's keys in `directory`; the body is the member whose information system the register is.

        Raises Unavailable (`key_not_found`).
        """
        authority = "/".join(kernel.system.strip("/").split("/")[:3])
        body = open_body(directory, authority, name=authority, at=kernel.now, certify=certify)
        return cls(kernel, body, authority, clock=clock, engine=engine)

    @property
    def engine(self) -> RuleEngine:
        """Made when it is first asked: its workers take a moment, and memory."""
        return self._engine or common_engine()

    def package(self, name: str) -> RulePackage:
        """Raises CallerError (`unknown_package`)."""
        found = [package for package in self.packages.values() if package.name == name]
        if not found:
            raise CallerError(f"no rule package {name}", code="unknown_package")
        return max(found, key=lambda package: tuple(map(int, package.version.split("."))))

    def judge(
        self,
        package: str,
        facts: Sequence[KnownFact],
        *,
        at: date,
        outputs: Sequence[Asked] | None = None,
        explain: Sequence[Asked] = (),
    ) -> Judged:
        """outputs: None: what the package's choices are made of.  explain: outputs of which is told what would have changed them.

        Blocks some milliseconds.

        Raises CallerError as RuleEngine does: the rules failed, or the facts do not fit them; then people decide.
        """
        chosen = self.package(package)
        situation = situation_of(facts)
        asked = outputs_of_choices(chosen, situation) if outputs is None else outputs
        evaluation = self.engine.evaluate(chosen, situation, asked, at=at)
        nearest = self.engine.counterfactuals(chosen, situation, explain, at=at) if explain else ()
        return Judged(chosen, tuple(facts), evaluation, tuple(nearest))

    def record(self, use: Use, judged: Judged, ruling: Ruling) -> DecisionRecord:
        """In the transaction of the effect. Raises as `DecisionStore.decide`."""
        package, evaluation = judged.package, judged.evaluation
        wanted = None if ruling.outputs is None else set(ruling.outputs)
        law = package.legal_basis[0]
        draft = Draft(
            kind="rule",
            automation=4,
            effect=ruling.effect,
            discretion="bound",
            authority=self.authority,
            competence=Competence(law=law.instrument, article=law.article, valid_on=_day(evaluation.at)),
            procedure=f"urn:sild:service:{ruling.service}",
            case=use.usage.issue or f"{ruling.step}/{self.store.pseudonym(ruling.subjects[0][0])}",
            step=ruling.step,
            algorithm=Algorithm(id=ruling.algorithm, version=package.version),
            subjects=tuple(
                Subject(ref=self.store.pseudonym(code), role=role) for code, role in ruling.subjects
            ),
            legal_basis=tuple(
                LegalBasis(
                    instrument=one.instrument,
                    article=one.article,
                    version_date=_day(one.version_date),
                    uri=one.uri,
                )
                for one in package.legal_basis
            ),
            purpose=ruling.purpose,
            inputs=tuple(fact.as_input() for fact in judged.facts if fact.value is not None),
            unknowns=_unknowns(judged, wanted),
            rules=RuleRef(package=package.name, version=package.version, sha256=package.sha256),
            parameters=tuple(
                Parameter(path=p.path, value=p.value, valid_from=_day(p.valid_from), article=p.article)
                for p in evaluation.parameters
            ),
            trace=evaluation.to_json()["trace"],
            rounding=tuple(
                Rounding(
                    node=r.node,
                    before=Secret(secret=r.before),
                    after=Secret(secret=r.after),
                    step=r.step,
                    mode=r.mode,
                    article=r.article,
                )
                for r in evaluation.rounding
            ),
            hearing=Hearing(required=False, waiver_ground="HMS § 40 (3)"),
            reasons=(*_reasons(judged, wanted), *ruling.reasons),
            outcome=Outcome(type=ruling.outcome, items=(*_items(judged, wanted), *ruling.items)),
            counterfactual=tuple(
                Counterfactual(
                    input=_path(package, one.entity, one.variable, one.period),
                    needed=Secret(secret=one.needed),
                )
                for one in judged.counterfactuals
            ),
            remedy=ruling.remedy,
            retention=Retention(until=ruling.retain_until, ground=ruling.retention_ground),
            supersedes=None if ruling.supersedes is None else UUID(ruling.supersedes),
        )
        self.store.keep_package(use.connection, package.sha256, package.files)
        return self.store.decide(use.connection, draft)


@cache
def shipped_packages() -> Mapping[str, RulePackage]:
    """Those of `packs`, by content hash."""
    with as_file(files("sild") / "packs") as directory:
        return load_packages(directory)


@cache
def common_engine() -> RuleEngine:
    """One for all registers of a process that was given none."""
    engine = RuleEngine()
    atexit.register(engine.close)
    return engine


def _unknowns(judged: Judged, wanted: set[Asked] | None) -> tuple[Unknown, ...]:
    blocked = None if wanted is None else {f"{entity}/{name}@{period}" for entity, name, period in wanted}
    return tuple(
        Unknown(
            name=_path(judged.package, one.entity, one.variable, one.period),
            asked_of=one.holder,
            blocking=bool(one.blocks) if blocked is None else not blocked.isdisjoint(one.blocks),
        )
        for one in judged.evaluation.unknowns
    )


def _reasons(judged: Judged, wanted: set[Asked] | None) -> tuple[Reason, ...]:
    """The package's, filled from the trace; the words are about a person, and sealed."""
    paths = {_node_of(fact.path): fact.path for fact in judged.facts if fact.value is not None}
    paths |= {
        f"{one.entity}/{one.variable}@{one.period}": _path(
            judged.package, one.entity, one.variable, one.period
        )
        for one in judged.evaluation.unknowns
    }
    outputs = None if wanted is None else {f"{entity}/{name}@{period}" for entity, name, period in wanted}
    return tuple(
        Reason(
            code=one.code,
            article=one.article,
            inputs=tuple(paths[node] for node in one.inputs if node in paths),
            text={language: Secret(secret=text) for language, text in one.text.items()},
            origin="trace",
        )
        for one in reasons(judged.package, judged.evaluation)
        if outputs is None or one.output in outputs
    )


def _items(judged: Judged, wanted: set[Asked] | None) -> tuple[OutcomeItem, ...]:
    return tuple(
        OutcomeItem(
            name=f"{one.entity}/{one.variable}/{one.period}",
            type=judged.package.outputs[one.variable].type,
            value=Secret(secret=one.value),
            currency=judged.package.outputs[one.variable].currency,
        )
        for one in judged.evaluation.values
        if wanted is None or (one.entity, one.variable, one.period) in wanted
    )


def _path(package: RulePackage, instance: str, variable: str, period: str) -> str:
    return f"{package.entities[package.facts[variable].entity].plural}/{instance}/{variable}/{period}"


def _node_of(path: str) -> str:
    """`persons/mother/income/2025-01` -> `mother/income@2025-01`; a role's path has no node."""
    _, _, rest = path.partition("/")
    instance, _, rest = rest.partition("/")
    variable, _, period = rest.partition("/")
    return f"{instance}/{variable}@{period}"


def _day(text: str) -> date:
    return date.fromisoformat(str(text))
