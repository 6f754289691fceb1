"""From facts to a record: rules are asked in their sandbox; what they say becomes a decision, sealed in the transaction of its effect."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import UUID

from sild.catalogue import Profile
from sild.clock import Clock
from sild.decisions import (
    Algorithm,
    Competence,
    Consideration,
    DecisionRecord,
    DecisionStanding,
    DecisionStore,
    Draft,
    Hearing,
    HumanStep,
    LegalBasis,
    Outcome,
    OutcomeItem,
    ProvedWord,
    Reason,
    ReplayReport,
    Representation,
    Sealed,
    Subject,
    bundle_of,
    counterfactuals_of,
    ensure_same_keys,
    fields_of,
    hearing_of,
    open_values,
    outcome_items,
    planned_delivery,
    remedy_of,
    replay,
    retention_of,
)
from sild.errors import CallerError
from sild.registries.deciding.body import Body, Certify, open_body
from sild.registries.deciding.facts import KnownFact, refuse_models, situation_of, with_instances
from sild.registries.deciding.officials import Officials
from sild.registries.deciding.representing import representation_of
from sild.registries.deciding.supervision import Supervision
from sild.registries.identity_codes import Country
from sild.registries.kernel import Kernel, Use
from sild.registries.message_logs import LookUp
from sild.registries.profiles import profile
from sild.rule_engine import RuleEngine
from sild.rules import Asked, Counterfactual, Evaluation, RulePackage, outputs_of_choices, shipped_packages
from sild.telemetry import get_logger

if TYPE_CHECKING:
    from sild.registries.deciding.anew import ByHand

__all__ = ["Deciding", "Judged", "Ruling"]

BY_PEOPLE = 1  # facts and checks are gathered by a machine
BY_RULE = 4
MOST_EXPLAINED = 4
"""Outputs of which a record says what would have changed them: each costs what some deciding costs."""

log = get_logger("decisions")

StandingChanged = Callable[[Use, str, DecisionStanding], None]
"""What a register does in the transaction in which a decision of its own no longer stands, or stands again: by id."""

DecidesAgain = Callable[[Use, str, DecisionRecord, str], bool]
"""How a register has a rule decide again what a finding reached: ripple, decision, and the cause of the task, once. In the
transaction that opened the ripple; False: no rule does, and people see to it."""

DecidesByHand = Callable[[Use, DecisionRecord, "ByHand"], DecisionRecord | None]
"""How a register has an official decide anew by hand: the decision that was overturned, and what they gave; their record in its place
(`record_by_hand`), with its effect. It waits for what it will change (`Use.alone`) before the record is made, as its tasks do: the
record holds its case. None: nothing of it is decided by hand here."""

IsWorse = Callable[[DecisionRecord, str, Any, Any], bool | None]
"""Whether a line of the outcome is worse for whom it is about than it was: decision, name, before, now. None: it is compared as any other."""

PeopleOf = Callable[[Use, str], Sequence[str]]
"""Codes of whom a decision in force is about, as far as the register knows them by it: none of them nor their kin sees to it."""

IsKeptFrom = Callable[[Use, DecisionRecord], bool]
"""Whether this reader is not told what a decision says, though it is about them or whom they act for: another is protected from them."""

Effect = Literal["offer", "grant", "partial", "refuse", "demand", "hold", "correct"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of the facts. Nothing is decided by it yet."""

    package: RulePackage
    facts: tuple[KnownFact, ...]
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision about to be recorded.

    step: what is decided in the case.  service: of the catalogue.  algorithm: its entry in the register of algorithms.
    subjects: identity code and role.  items: of the outcome that no rule gave, such as whose choice it was.
    reasons: besides those that the rules give.  human: officials' steps: they decide, and the rules only said what stands against it.
    considerations: what an official weighed where the law leaves it to them; without any the decision is bound.
    supersedes: id of the decision that this one takes the place of.
    case: None: the one that the use belongs to. The first instrument of the package gives the competence.
    hearing: how those it is about were heard; None: they were not, or only in the contest of what it takes the place of.
    division: code of the unit whose office decides; None: that of the official who acts, if any.  in_force: None: from the day it is decided.
    representation: who acted for one of the subjects, and by which mandate; None: as the message of the use proves it.
    words: what people said that it rests on, as the message proves it; None: nothing that another's message carries.
    """

    country: Country
    effect: Effect
    step: str
    service: str
    algorithm: str
    purpose: str
    subjects: tuple[tuple[str, str], ...]
    outcome: str
    items: tuple[OutcomeItem, ...] = ()
    reasons: tuple[Reason, ...] = ()
    human: tuple[HumanStep, ...] = ()
    considerations: tuple[Consideration, ...] = ()
    supersedes: str | None = None
    case: str | None = None
    hearing: Hearing | None = None
    division: str | None = None
    in_force: date | None = None
    representation: Representation | None = None
    words: tuple[ProvedWord, ...] | None = None


class Deciding:
    """authority: the body, `INSTANCE/CLASS/CODE`.  packages: by content hash; of a name the highest version judges.

    logs: where replays look for the messages of inputs; None: nobody is asked, and the report says so.  exchanged_by: the subsystem
    whose messages those are.
    supervision: how auditors may look; None: not at all.  decides_again: None of it by rule, unless the register says how.
    decides_by_hand: nothing, unless it says so.  is_worse: as lines compare in general, unless it says how.  people_of: nobody by name, unless it says so.
    is_kept_from: what a decision holds from one whom it is about: nothing, unless it says so.
    officials: who decides for the body; nobody is listed, unless somebody says who.
    """

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
        self.logs: LookUp | None = None
        self.exchanged_by = kernel.system.strip("/")
        self.supervision: Supervision | None = None
        kernel.also_known_as = lambda code: (self.store.pseudonym(code),)
        self._engine = engine
        self.officials = Officials()
        self.standing_changed: StandingChanged = lambda _use, _decision, _standing: None
        self.decides_again: DecidesAgain = lambda _use, _ripple, _record, _cause: False
        self.decides_by_hand: DecidesByHand = lambda _use, _old, _hand: None
        self.is_worse: IsWorse = lambda _old, _name, _before, _now: None
        self.people_of: PeopleOf = lambda _use, _decision: ()
        self.is_kept_from: IsKeptFrom = lambda _use, _record: False

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

        Raises Unavailable (`key_not_found`), CallerError (`other_keys`): the decisions in the database were made with others.
        """
        authority = "/".join(kernel.system.strip("/").split("/")[:3])
        body = open_body(directory, authority, name=authority, at=kernel.now, certify=certify)
        try:
            ensure_same_keys(kernel.engine, body.keys, clock=clock)
        except CallerError:
            kernel.close()
            raise
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

    def packages_named(self, names: Collection[str]) -> list[RulePackage]:
        """Every version that decisions here may rest on."""
        return [package for package in self.packages.values() if package.name in names]

    def judge(
        self,
        package: str,
        facts: Sequence[KnownFact],
        *,
        at: date,
        outputs: Sequence[Asked] | None = None,
    ) -> Judged:
        """outputs: None: what the package's choices are made of.

        Blocks some milliseconds.

        Raises CallerError as RuleEngine does: the rules failed, or the facts do not fit them; then people decide. `not_from_a_model`:
        a model says what the package lets no model say.
        """
        chosen = self.package(package)
        refuse_models(chosen, facts)
        situation = situation_of(facts)
        asked = outputs_of_choices(chosen, situation) if outputs is None else outputs
        evaluation = self.engine.evaluate(chosen, situation, asked, at=at)
        return Judged(chosen, tuple(facts), evaluation)

    def rested_on(self, use: Use, decision: str) -> tuple[KnownFact, ...]:
        """The facts of a decision of ours, so that another can be made of the same.

        Raises CallerError (`unknown_decision`, `shredded`): what it rested on is no longer there.
        """
        opened = open_values(self.store, use.connection, decision)
        record = self.store.find(use.connection, decision).record
        found = []
        for one in record.inputs:
            sealed = isinstance(one.value, Sealed)
            value: Any = one.value  # JSON
            if isinstance(one.value, Sealed):
                if one.value.sealed not in opened:
                    raise CallerError("what the decision rested on was shredded", code="shredded")
                value = opened[one.value.sealed].value
            found.append(
                KnownFact(
                    one.name,
                    one.type,
                    value,
                    register=one.register_,
                    message_id=one.message_id,
                    valid_at=one.valid_at,
                    fetched_at=one.fetched_at,
                    asserted_by=one.asserted_by,
                    in_clear=not sealed,
                    quality=one.quality,
                    further_messages=tuple(
                        (more.register_, more.message_id, more.fetched_at)
                        for more in one.further_messages or ()
                    ),
                )
            )
        return tuple(found)

    def replay(self, decision: str) -> ReplayReport:
        """Make a decision again from its evidence; blocks, and not in the event loop. Raises CallerError (`unknown_decision`)."""
        with self.store.engine.connect() as connection:
            bundle = bundle_of(self.store, connection, decision, open_refs=None)
            record = self.store.find(connection, decision).record
        if self.logs is None:
            return replay(bundle, engine=self.engine)
        found = self.logs(record.inputs, record.decided_at, record.case)
        return replay(bundle, engine=self.engine, find_message=found.__getitem__)

    def _nearest(self, judged: Judged) -> Sequence[Counterfactual]:
        """What would have changed the first outputs that are known. A what-if that fails makes no decision fail."""
        known = [
            (one.entity, one.variable, one.period)
            for one in judged.evaluation.values
            if one.value is not None
        ]
        if not known:
            return ()
        try:
            return self.engine.counterfactuals(
                judged.package,
                situation_of(judged.facts),
                known[:MOST_EXPLAINED],
                at=date.fromisoformat(judged.evaluation.at),
            )
        except CallerError as error:
            log.refusal("decision.not_explained", error)
            return ()

    def record(self, use: Use, judged: Judged, ruling: Ruling) -> DecisionRecord:
        """In the transaction of the effect. Raises as `DecisionStore.decide`; CallerError (`not_from_a_model`) as `judge`."""
        package, evaluation = judged.package, judged.evaluation
        refuse_models(package, judged.facts)
        country = profile(ruling.country)
        inputs = [
            fact.as_input(lambda at: use.today if at is None else use.day_of(at))
            for fact in with_instances(judged.facts)
            if fact.value is not None
        ]
        fields = fields_of(package, evaluation, inputs=inputs)
        fields["reasons"] = [*fields["reasons"], *ruling.reasons]
        draft = Draft(
            kind="human" if ruling.human else "rule",
            automation=BY_PEOPLE if ruling.human else BY_RULE,
            effect=ruling.effect,
            discretion="structured" if ruling.considerations else "bound",
            authority=self.authority,
            competence=self._competence(use, judged, ruling),
            procedure=f"urn:sild:service:{ruling.service}",
            case=ruling.case
            or use.usage.issue
            or f"{ruling.step}/{self.store.pseudonym(ruling.subjects[0][0])}",
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
            inputs=tuple(inputs),
            human=ruling.human,
            considerations=ruling.considerations,
            representation=ruling.representation
            or representation_of(self.store, use.usage, [code for code, _ in ruling.subjects]),
            words=ruling.words,
            hearing=ruling.hearing or self._hearing(use, country, ruling),
            outcome=Outcome(type=ruling.outcome, items=(*outcome_items(package, evaluation), *ruling.items)),
            counterfactual=() if ruling.human else tuple(counterfactuals_of(self._nearest(judged))),
            remedy=remedy_of(country, use.today, self.authority),
            delivery=planned_delivery(),
            in_force=ruling.in_force or use.today,
            retention=retention_of(country, use.today),
            supersedes=None if ruling.supersedes is None else UUID(ruling.supersedes),
            **fields,
        )
        self.store.keep_package(use.connection, package.sha256, package.files)
        record = self.store.decide(use.connection, draft)
        if ruling.supersedes is not None:
            self.standing_changed(use, ruling.supersedes, "superseded")
        return record

    def _competence(self, use: Use, judged: Judged, ruling: Ruling) -> Competence:
        """By the first instrument of the package; of an official by their office and order, of a rule by its entry in the register."""
        law, valid_on = judged.package.legal_basis[0], _day(judged.evaluation.at)
        office = self.officials.office_of(use.usage.actor, use.today) if ruling.human else None
        return Competence(
            law=law.instrument,
            article=law.article,
            delegation=office.order if office is not None else None if ruling.human else ruling.algorithm,
            division=ruling.division or (None if office is None else office.division),
            valid_on=valid_on,
        )

    def _hearing(self, use: Use, country: Profile, ruling: Ruling) -> Hearing:
        contests = (
            () if ruling.supersedes is None else self.store.contests_of(use.connection, ruling.supersedes)
        )
        return hearing_of(country, ruling.effect, official=bool(ruling.human), contests=contests)


@cache
def common_engine() -> RuleEngine:
    """One for all registers of a process that was given none."""
    engine = RuleEngine()
    atexit.register(engine.close)
    return engine


def _day(text: str) -> date:
    return date.fromisoformat(str(text))
