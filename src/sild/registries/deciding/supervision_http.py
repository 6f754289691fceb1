"""Paths for auditors, below `/supervision`: find, read, verify, replay, ask what if, see others like it, and leave a finding.

All are closed unless the register has a `Supervision`; each look names its decision's people, under their pseudonyms, in the
record of uses. Imported late: FastAPI takes its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from sqlalchemy import Connection

from sild.decisions import (
    Release,
    Sample,
    Sealed,
    Stored,
    affected_by,
    answer_release,
    ask_release,
    bundle_of,
    cohorts_of,
    draw,
    end_finding,
    exported,
    find_sample,
    keep_finding,
    keep_replay,
    open_values,
    publish_sample,
    published_samples,
    releases_of,
    running_of,
    situation_of,
)
from sild.errors import CallerError
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.supervision import Appointment, Auditor, Supervision, classes_of
from sild.registries.deciding.withheld_http import add_withheld_paths
from sild.registries.kernel import Usage, Use
from sild.registries.kernel.http import AnyUsage, Model, PersonalUsage
from sild.rules import RulePackage, parse_package

__all__ = ["SUPERVISION_ACTIONS", "SUPERVISION_TITLES", "add_supervision_paths"]

SUPERVISION_TITLES: dict[str, tuple[int, str]] = {
    "not_a_supervisor": (403, "Only an auditor may look"),
    "no_mandate": (403, "No mandate stands"),
    "out_of_scope": (403, "Outside the mandate"),
    "conflict_of_interest": (403, "Somebody else looks at this"),
    "four_eyes": (403, "Another auditor releases it"),
    "not_in_scope": (403, "The mandate does not have these classes"),
    "unknown_release": (404, "Nothing of that number was asked for"),
    "unknown_sample": (404, "Unknown sample"),
    "sample_exists": (409, "The sample is published already"),
    "sample_open": (409, "The time of this sample has not ended"),
    "unknown_finding": (404, "Unknown finding"),
    "unknown_input": (400, "The decision does not rest on such a fact"),
    "finding_reused": (409, "The finding is about another decision"),
    "mandates_down": (503, "The keeper of mandates does not answer"),
}
SUPERVISION_ACTIONS = {
    "superviseDecision": "An auditor read a decision about the person",
    "superviseBundle": "An auditor took out the evidence of a decision",
    "superviseReplay": "An auditor replayed a decision",
    "superviseMessages": "An auditor asked both message logs about a decision",
    "superviseWhatIf": "An auditor asked what would have changed a decision",
    "superviseAffected": "An auditor asked which decisions share a fact",
    "askRelease": "An auditor asked a second one to open sealed data",
    "answerRelease": "A second auditor answered",
    "keepFinding": "An auditor wrote a finding about a decision",
    "endFinding": "A finding about a decision ended",
}
MOST, FIRST = 200, 10
MESSAGES = 20
"""Looked for in both logs at one look: each costs two bodies some signatures to verify."""

DecisionId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]
Name = Annotated[str, Path(max_length=100)]
About = Literal["decision", "input", "package"]


class NewSample(Model):
    """Of the decisions of these days, both included. The seed is the register's own, and public from now on."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    first_day: date
    last_day: date
    size: Annotated[int, Field(ge=1, le=100)]


class NewRelease(Model):
    release: Annotated[str, Field(min_length=8, max_length=100)]
    classes: Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=20)]
    reason: Annotated[str, Field(min_length=3, max_length=1000)]


class ReleaseAnswer(Model):
    granted: bool


class NewFinding(Model):
    """finding: id of its case.  name: of the fact, if it is about one."""

    finding: Annotated[str, Field(min_length=1, max_length=100)]
    about: About
    name: Annotated[str, Field(max_length=300)] | None = None


class FindingEnd(Model):
    upheld: bool


def add_supervision_paths(app: FastAPI, deciding: Deciding) -> None:
    """titles and actions of these paths: `SUPERVISION_TITLES`, `SUPERVISION_ACTIONS`."""
    desk = _Desk(deciding)
    _add_finding(app, desk)
    _add_reading(app, desk)
    _add_patterns(app, desk)
    _add_releases(app, desk)
    _add_findings(app, desk)
    add_withheld_paths(app, desk.kernel, desk.auditor)


@dataclass(frozen=True, slots=True)
class _Look:
    """A decision, and by which mandate it is looked at. open: classes of values."""

    found: Stored
    mandate: Appointment
    classes: Mapping[str, frozenset[str]]
    open: frozenset[str]

    @property
    def refs(self) -> frozenset[str]:
        return frozenset(ref for ref, needed in self.classes.items() if needed <= self.open)


class _Desk:
    def __init__(self, deciding: Deciding) -> None:
        self.deciding = deciding
        self.store = deciding.store
        self.kernel = deciding.kernel
        self.body = "/".join(deciding.authority.split("/")[1:3])

    def auditor(self, usage: Usage, *, finding: str | None = None) -> Auditor:
        supervision = self.deciding.supervision or Supervision(frozenset(), _Nobody())
        return supervision.auditor(usage, self.body, finding=finding)

    def day(self, at: datetime) -> date:
        return at.astimezone(self.kernel.zone).date()

    def look(self, use: Use, auditor: Auditor, decision: str) -> _Look:
        auditor.ensure()
        found = self.store.find(use.connection, decision)
        mandate = auditor.ensure_may_look(use, self.store, found.record, self.day(found.record.decided_at))
        classes = classes_of(found.record, self.package(use.connection, found))
        return _Look(found, mandate, classes, auditor.open_classes(use, decision, mandate))

    def inside(self, auditor: Auditor, found: Sequence[Stored]) -> list[Stored]:
        """Those that lie in the auditor's mandate."""
        return [one for one in found if auditor.mandate_for(one.record, self.day(one.record.decided_at))]

    def package(self, connection: Connection, found: Stored) -> RulePackage | None:
        """Ours, or as it was kept with the decision."""
        rules = found.record.rules
        if rules is None:
            return None
        if rules.sha256 in self.deciding.packages:
            return self.deciding.packages[rules.sha256]
        files = self.store.package_files(connection, rules.sha256)
        return parse_package(files) if files else None

    def line(self, use: Use, found: Stored) -> dict[str, Any]:
        record = found.record
        return {
            "id": str(record.id),
            "step": record.step,
            "effect": record.effect,
            "automation": record.automation,
            "algorithm": record.algorithm.id if record.algorithm else None,
            "procedure": record.procedure,
            "decided_at": record.decided_at.isoformat(),
            "superseded_by": self.store.superseded_by(use.connection, record.id),
        }


class _Nobody:
    def of(self, person: str, case: str) -> tuple[Appointment, ...]:
        return ()


def _add_finding(app: FastAPI, desk: _Desk) -> None:
    store = desk.store

    @app.get("/supervision/decisions", operation_id="superviseList")
    def listed(
        usage: PersonalUsage,
        algorithm: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> dict[str, Any]:
        """The latest of the mandate's decisions: what and when, nobody's data."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseList", usage) as use:
            auditor.ensure()
            inside = desk.inside(auditor, store.listed(use.connection, algorithm=algorithm, limit=MOST))
            return {"items": [desk.line(use, one) for one in inside[:limit]]}

    @app.get("/supervision/overview", operation_id="superviseOverview")
    def overview(usage: PersonalUsage) -> dict[str, Any]:
        """What an auditor sees first: the latest decisions, samples, and what others ask this one to open."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseOverview", usage) as use:
            auditor.ensure()
            inside = desk.inside(auditor, store.listed(use.connection, limit=MOST))
            return {
                "latest": [desk.line(use, one) for one in inside[:FIRST]],
                "samples": [_sample(one) for one in published_samples(use.connection, limit=FIRST)],
                "releases": _asked_of(desk, use, auditor),
                "may_sample": auditor.may_sample(),
            }

    @app.get("/samples", operation_id="getSamples")
    def samples(usage: AnyUsage) -> dict[str, Any]:
        """Published samples with their seeds, for everybody: whoever has the hashes of the decisions can draw them again."""
        with desk.kernel.used("getSamples", usage) as use:
            return {"items": [_sample(one) for one in published_samples(use.connection)]}

    @app.post("/supervision/samples", operation_id="publishSample", status_code=201)
    def publish(new: NewSample, usage: PersonalUsage) -> dict[str, Any]:
        """Fixed before anybody draws: its seed is the register's, and stands in `/samples` from now on.

        It is drawn from all that the body decided on these days: only a mandate for all of it allows it.
        """
        auditor = desk.auditor(usage)
        with desk.kernel.used("publishSample", usage) as use:
            auditor.ensure()
            if new.last_day < new.first_day:
                raise CallerError("the last day lies before the first")
            auditor.ensure_may_sample(new.first_day, new.last_day)
            known = use.answered()
            if known is not None:
                return dict(known)
        begins, ends = (
            datetime.combine(day, time(), desk.kernel.zone)
            for day in (new.first_day, new.last_day + timedelta(days=1))
        )
        made = publish_sample(store, new.name, begins=begins, ends=ends, size=new.size)
        with desk.kernel.used("publishSample", usage) as use:
            return dict(use.answer(_sample(made)))

    @app.get("/supervision/samples/{sample}", operation_id="drawSample")
    def drawn(sample: Name, usage: PersonalUsage) -> dict[str, Any]:
        """The decisions drawn that lie in the mandate, and how many do not. None before its time has ended."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("drawSample", usage) as use:
            auditor.ensure()
            found = find_sample(use.connection, sample)
            if use.at < found.ends:
                raise CallerError("what is still to be decided cannot be drawn", code="sample_open")
            ids = draw(use.connection, found)
            every = [store.find(use.connection, one) for one in ids]
            inside = desk.inside(auditor, every)
            return {
                **_sample(found),
                "items": [desk.line(use, one) for one in inside],
                "outside": len(every) - len(inside),
            }


def _sample(one: Sample) -> dict[str, Any]:
    return {
        "name": one.id,
        "seed": one.seed,
        "published_at": one.published_at.isoformat(),
        "begins": one.begins.isoformat(),
        "ends": one.ends.isoformat(),
        "size": one.size,
    }


def _add_reading(app: FastAPI, desk: _Desk) -> None:
    store = desk.store

    @app.get("/supervision/decisions/{decision}", operation_id="superviseDecision")
    def read(decision: DecisionId, usage: PersonalUsage) -> dict[str, Any]:
        """The record, and of what is sealed in it what the mandate opens; `sealed`: what stays closed, and why."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseDecision", usage) as use:
            look = desk.look(use, auditor, decision)
            values = open_values(store, use.connection, decision)
            closed = {name for ref in values for name in look.classes.get(ref, ()) if ref not in look.refs}
            return {
                "record": exported(use.connection, look.found),
                "values": {ref: one.value for ref, one in values.items() if ref in look.refs},
                "sealed": {
                    name: "needs_release" if name in look.mandate.scope.classes else "outside_mandate"
                    for name in sorted(closed - look.open)
                },
                "open": sorted(look.open & {name for needed in look.classes.values() for name in needed}),
                "releases": [_release(one) for one in releases_of(use.connection, decision=decision)],
                "superseded_by": store.superseded_by(use.connection, decision),
                "mandate": look.mandate.id,
            }

    @app.get("/supervision/decisions/{decision}/bundle", operation_id="superviseBundle")
    def bundle(decision: DecisionId, usage: PersonalUsage) -> dict[str, Any]:
        """What the stand-alone verifier reads, with the values that the mandate opens."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseBundle", usage) as use:
            look = desk.look(use, auditor, decision)
            return bundle_of(store, use.connection, decision, open_refs=look.refs)

    @app.get("/supervision/decisions/{decision}/replay", operation_id="superviseReplay")
    def again(decision: DecisionId, usage: PersonalUsage) -> dict[str, Any]:
        """From all its values, by the body itself, which may see them. Of what differs only the node's name is told.

        Written down once for an auditor and a day, unless it comes out another way.
        """
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseReplay", usage) as use:
            desk.look(use, auditor, decision)
        report = desk.deciding.replay(decision)
        keep_replay(store, report, by=store.pseudonym(auditor.person), day=desk.kernel.today)
        said = report.to_json()
        if report.difference is not None:
            said["difference"] = {"node": report.difference["node"]}
        return said

    @app.get("/supervision/decisions/{decision}/messages", operation_id="superviseMessages")
    def messages(
        decision: DecisionId, usage: PersonalUsage, after: Annotated[str | None, Query(max_length=255)] = None
    ) -> dict[str, Any]:
        """Each message that brought a fact: what the log of who asked and the log of who answered say. A page at a time, by id.

        after: `next` of the page before; null in the answer: this is the last.  total: messages in all.
        """
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseMessages", usage) as use:
            record = desk.look(use, auditor, decision).found.record
        every = sorted({message for one in record.inputs for _, message, _ in one.messages})
        left = [one for one in every if after is None or one > after]
        ids = left[:MESSAGES]
        told = {
            "total": len(every),
            "first": len(every) - len(left) + 1,
            "next": ids[-1] if left[MESSAGES:] else None,
        }
        if desk.deciding.logs is None:
            return {**told, "asked": False, "items": [{"message": one, "logs": []} for one in ids]}
        asked = [
            one for one in record.inputs if not {message for _, message, _ in one.messages}.isdisjoint(ids)
        ]
        found = desk.deciding.logs(asked, record.decided_at, usage.issue or record.case)
        return {
            **told,
            "asked": True,
            "items": [
                {"message": one, "logs": [asdict(place) for place in found.get(one, ())]} for one in ids
            ],
        }

    @app.get("/supervision/decisions/{decision}/what-if", operation_id="superviseWhatIf")
    def what_if(decision: DecisionId, usage: PersonalUsage) -> dict[str, Any]:
        """Of each fact that could lawfully be otherwise: the least change that another outcome needs. `needed` is null where it is sealed."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseWhatIf", usage) as use:
            look = desk.look(use, auditor, decision)
            package = desk.package(use.connection, look.found)
            values = {ref: one.value for ref, one in open_values(store, use.connection, decision).items()}
        return _what_if(desk, look, package, values)


def _what_if(
    desk: _Desk, look: _Look, package: RulePackage | None, values: Mapping[str, Any]
) -> dict[str, Any]:
    record = look.found.record
    if package is None:
        return {"state": "a_person_decided", "items": []}
    if any(isinstance(one.value, Sealed) and one.value.sealed not in values for one in record.inputs):
        return {"state": "shredded", "items": []}
    situation = situation_of(
        (one.name, values[one.value.sealed] if isinstance(one.value, Sealed) else one.value)
        for one in record.inputs
    )
    parts = [one.name.split("/") for one in record.outcome.items]
    asked = [(name[0], name[1], name[2]) for name in parts if len(name) == 3]
    found = desk.deciding.engine.counterfactuals(package, situation, asked, at=record.competence.valid_on)
    items = []
    for one in found:
        spec = package.facts.get(one.variable)
        is_open = spec is not None and spec.data_class in look.open
        items.append(
            {
                "output": one.outcome,
                "input": f"{one.entity}/{one.variable}/{one.period}",
                "needed": one.needed if is_open else None,
                "sealed": not is_open,
            }
        )
    return {"state": "asked", "items": items}


def _add_patterns(app: FastAPI, desk: _Desk) -> None:
    @app.get("/supervision/algorithms/{algorithm}/cohorts", operation_id="superviseCohorts")
    def cohorts(algorithm: Name, usage: PersonalUsage) -> dict[str, Any]:
        """By month: how they came out. Small groups are told of as none; days outside the mandate are not counted."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseCohorts", usage) as use:
            scope = auditor.ensure_algorithm(algorithm).scope
            zone = desk.kernel.zone
            ends = None if scope.last_day is None else scope.last_day + timedelta(days=1)
            begins, end = (
                None if day is None else datetime.combine(day, time(), zone)
                for day in (scope.first_day, ends)
            )
            return cohorts_of(
                use.connection, algorithm, zone=zone, smallest=auditor.smallest, begins=begins, ends=end
            )

    @app.get("/supervision/algorithms/{algorithm}/running", operation_id="superviseRunning")
    def running(algorithm: Name, usage: PersonalUsage) -> dict[str, Any]:
        """What its records say, and the rules that are loaded now."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseRunning", usage) as use:
            auditor.ensure_algorithm(algorithm)
            return running_now(desk.deciding, use.connection, algorithm)


def running_now(deciding: Deciding, connection: Connection, algorithm: str) -> dict[str, Any]:
    """What records say of an algorithm, and the rules that are loaded now."""
    loaded = [
        {"package": one.name, "version": one.version, "sha256": one.sha256}
        for one in deciding.packages.values()
    ]
    return {**running_of(connection, algorithm), "loaded": loaded}


def _add_releases(app: FastAPI, desk: _Desk) -> None:
    store = desk.store

    @app.get("/supervision/releases", operation_id="superviseReleases")
    def waiting(usage: PersonalUsage) -> dict[str, Any]:
        """What other auditors ask this one to open."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseReleases", usage) as use:
            auditor.ensure()
            return {"items": _asked_of(desk, use, auditor)}

    @app.post("/supervision/decisions/{decision}/releases", operation_id="askRelease", status_code=201)
    def ask(decision: DecisionId, new: NewRelease, usage: PersonalUsage) -> dict[str, Any]:
        """Ask a second auditor to open sealed classes of the mandate."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("askRelease", usage) as use:
            look = desk.look(use, auditor, decision)
            if not set(new.classes) <= set(look.mandate.scope.classes):
                raise CallerError("the mandate does not have these classes", code="not_in_scope")
            ask_release(
                store, use.connection, new.release, decision, classes=new.classes, by=auditor.person,
                mandate=look.mandate.id, reason=new.reason,
            )  # fmt: skip
            return {"release": new.release}

    @app.post("/supervision/releases/{release}/answer", operation_id="answerRelease")
    def answer(release: Name, given: ReleaseAnswer, usage: PersonalUsage) -> dict[str, Any]:
        """By another auditor whose own mandate has the decision and the classes."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("answerRelease", usage) as use:
            auditor.ensure()
            wanted = next((one for one in releases_of(use.connection) if one.id == release), None)
            if wanted is None:
                raise CallerError("nothing of that number waits", code="unknown_release")
            look = desk.look(use, auditor, wanted.decision)
            if not set(wanted.classes) <= set(look.mandate.scope.classes):
                raise CallerError("the mandate does not have these classes", code="not_in_scope")
            answer_release(
                store,
                use.connection,
                release,
                granted=given.granted,
                by=auditor.person,
                mandate=look.mandate.id,
            )
            return {"release": release, "granted": given.granted}


def _asked_of(desk: _Desk, use: Use, auditor: Auditor) -> list[dict[str, Any]]:
    return [
        _release(one)
        for one in releases_of(use.connection)
        if one.asked_by != auditor.person and _may_answer(desk, use, auditor, one)
    ]


def _may_answer(desk: _Desk, use: Use, auditor: Auditor, one: Release) -> bool:
    record = desk.store.find(use.connection, one.decision).record
    mandate = auditor.mandate_for(record, desk.day(record.decided_at))
    return mandate is not None and set(one.classes) <= set(mandate.scope.classes)


def _release(one: Release) -> dict[str, Any]:
    return {
        "id": one.id,
        "decision": one.decision,
        "classes": list(one.classes),
        "asked_by": one.asked_by,
        "reason": one.reason,
        "asked_at": one.asked_at.isoformat(),
        "granted": one.granted,
        "answered_by": one.answered_by,
        "answered_at": None if one.answered_at is None else one.answered_at.isoformat(),
    }


def _add_findings(app: FastAPI, desk: _Desk) -> None:
    store = desk.store

    @app.get("/supervision/decisions/{decision}/affected", operation_id="superviseAffected")
    def affected(
        decision: DecisionId,
        usage: PersonalUsage,
        about: About,
        name: Annotated[str | None, Query(max_length=300)] = None,
    ) -> dict[str, Any]:
        """Decisions in force built on the same rules or the same fact; how many of them lie outside the mandate."""
        auditor = desk.auditor(usage)
        with desk.kernel.used("superviseAffected", usage) as use:
            desk.look(use, auditor, decision)
            found = affected_by(store, use.connection, decision, about=about, name=name)
            inside = desk.inside(auditor, found)
            return {
                "items": [desk.line(use, one) for one in inside],
                "outside": len(found) - len(inside),
            }

    @app.post("/supervision/decisions/{decision}/findings", operation_id="keepFinding", status_code=201)
    def keep(decision: DecisionId, new: NewFinding, usage: PersonalUsage) -> dict[str, Any]:
        """Counted here; what it says stands in its case. decisions: of those affected, those that lie in the mandate."""
        auditor = desk.auditor(usage, finding=new.finding)
        with desk.kernel.used("keepFinding", usage) as use:
            desk.look(use, auditor, decision)
            by = store.pseudonym(use.usage.actor or "")
            keep_finding(store, use.connection, new.finding, decision, about=new.about, name=new.name, by=by)
            found = affected_by(store, use.connection, decision, about=new.about, name=new.name)
            return {
                "affected": len(found),
                "decisions": [str(one.record.id) for one in desk.inside(auditor, found)],
            }

    @app.post("/supervision/decisions/{decision}/findings/{finding}/end", operation_id="endFinding")
    def end(decision: DecisionId, finding: Name, given: FindingEnd, usage: PersonalUsage) -> dict[str, Any]:
        auditor = desk.auditor(usage, finding=finding)
        with desk.kernel.used("endFinding", usage) as use:
            desk.look(use, auditor, decision)
            end_finding(store, use.connection, finding, decision, upheld=given.upheld)
            return {"finding": finding, "upheld": given.upheld}
