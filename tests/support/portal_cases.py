"""A case system in memory behind the portal's port: one birth, one move, one desk. Its answers have the shapes of the real one's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import yaml

import sild
from sild.cases import (
    Actor,
    AssistedView,
    BirthPaper,
    CaseFile,
    ExchangeAnswer,
    HandedIn,
    LogWitness,
    NumberBlock,
    OfficialFigures,
    OwnFigures,
    Party,
    Pending,
    PublicFinding,
    Refused,
    ReservedBlock,
    Seen,
    Sighting,
)
from sild.cases.views import (
    Acted,
    CaseLine,
    CaseView,
    ClockView,
    DeskItem,
    DraftLine,
    Entry,
    FactLine,
    FailedBody,
    Filled,
    Home,
    Notice,
    Task,
)  # fmt: skip
from sild.catalogue import Defect, Screen, parse_screen, parse_service, read_answers
from sild.errors import CallerError, Unavailable
from sild.portal import ChannelProof, Proof, TrackerEntry, Usage, Witnessed

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PACKS = Path(sild.__file__).parent / "packs"
MARI, JAAN, OFFICIAL = "EE60001019906", "EE38001085718", "EE37605030299"
POPULATION = "GOV/70000002/population"


def text(words: str) -> dict[str, str]:
    return {"et": f"{words} (et)", "vi": f"{words} (vi)", "en": words}


EVERY_KIND = parse_screen(
    {
        "id": "birth.check_and_name",
        "version": 1,
        "role": "parent",
        "title": {"et": "Vali lapsele nimi", "vi": "Chọn tên cho bé", "en": "Choose your child's name"},
        "lead": {"et": "Vaata üle, mida me teame.", "vi": "Hãy xem lại điều chúng tôi biết.", "en": "Look over what we know."},
        "components": [
            {"kind": "facts", "of": "parent", "title": text("What we know of you"),
             "concepts": ["person.given_names", "person.residence", "person.contributions"]},
            {"kind": "notice", "tone": "plain", "text": text("The child is recorded; the promise is {promise}.")},
            {"kind": "text", "name": "given_names", "concept": "child.given_names", "label": text("Given names"),
             "hint": text("One or several"), "max_length": 60},
            {"kind": "choice", "name": "family_name", "concept": "child.family_name", "label": text("Family name"),
             "options_from": "family_names"},
            {"kind": "yes_no", "name": "kindergarten", "concept": "child.kindergarten_wish", "label": text("Would you like a kindergarten place?")},
            {"kind": "date", "name": "kindergarten_from", "concept": "child.kindergarten_from", "label": text("From when"),
             "only_if": {"field": "kindergarten", "value": "yes"}},
            {"kind": "choices", "name": "languages", "concept": "child.languages", "label": text("Languages at home"), "required": False,
             "options": [{"value": "et", "label": text("Estonian")}, {"value": "vi", "label": text("Vietnamese"), "hint": text("also at school")}]},
            {"kind": "account", "name": "account", "concept": "parent.account", "label": text("Bank account"), "required": False},
            {"kind": "text", "name": "words", "concept": "child.words", "label": text("Anything else"), "required": False, "max_length": 500},
            {"kind": "address", "name": "home", "concept": "child.home", "label": text("Where will the child live?"), "required": False},
            {"kind": "file", "name": "lease", "concept": "child.lease", "label": text("The lease"), "required": False},
            {"kind": "confirm", "name": "sure", "concept": "parent.sure", "label": text("I am sure of it")},
            {"kind": "promises"},
        ],
        "actions": [
            {"name": "DECLARE", "label": {"et": "Allkirjasta ja saada", "vi": "Ký và gửi", "en": "Sign and send"}, "signed": True},
            {"name": "DENY", "label": text("I am not the parent"), "tone": "dangerous", "without_answers": True},
        ],
    }
)  # fmt: skip
DECISION = parse_screen(
    {
        "id": "birth.register", "version": 1, "role": "official", "title": text("Register the birth"),
        "components": [
            {"kind": "facts", "of": "child", "concepts": ["child.paternity", "person.given_names"]},
            {"kind": "choices", "name": "defects", "concept": "official.defects", "label": text("What is wrong"), "required": False,
             "options": [{"value": "name", "label": text("The name")}, {"value": "paternity", "label": text("Paternity")}]},
            {"kind": "text", "name": "reason", "concept": "official.reason", "label": text("In words"), "required": False, "max_length": 1000},
        ],
        "actions": [
            {"name": "REGISTER", "label": text("Register")},
            {"name": "RETURN", "label": text("Send back"), "tone": "other"},
            {"name": "REFUSE", "label": text("Refuse"), "tone": "dangerous"},
        ],
    }
)  # fmt: skip


LINKED = {
    "et": "Sünnikanne, elukoht, ravikindlustus ja kaart",
    "vi": "Khai sinh, thường trú, bảo hiểm y tế và thẻ",
    "en": "Birth, home, health insurance and card",
}


@dataclass
class CasesDouble:
    """given_names: of the parent, in every text that shows one: a test puts markup there."""

    given_names: str = "Mari"
    drafts: dict[tuple[str, str, str], Mapping[str, Sequence[str]]] = field(default_factory=dict)
    handed_over: list[list[tuple[str, str]]] = field(default_factory=list)
    acts: list[tuple[str, str, str, dict[str, Sequence[str]]]] = field(default_factory=list)
    keys: dict[str, Acted] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    woken: list[str] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)
    down: bool = False
    refusal: Refused | None = None
    extra_entries: int = 0
    looked: list[str] = field(default_factory=list)
    found: list[tuple[str, Mapping[str, Any], dict[str, str]]] = field(default_factory=list)
    public: list[PublicFinding] = field(default_factory=list)
    containers_refused: dict[str, Exception] = field(default_factory=dict)
    witnesses: tuple[LogWitness, ...] = ()
    asked_unlisted: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def services(self) -> list[Any]:
        return [parse_service(yaml.safe_load(file.read_text())) for file in sorted(PACKS.glob("*/*.yaml"))
                if file.name in ("birth.yaml", "move.yaml")]  # fmt: skip

    def words(self, service: str, key: str, language: str, **values: object) -> str | None:
        known = {
            "status.OPENED": {"et": "Ootab vanemaid", "vi": "Chờ cha mẹ", "en": "Waits for the parents"},
            "status.DECLARED": {"et": "Esitatud", "vi": "Đã gửi", "en": "Declared"},
            "action.OPEN": {"et": "Haigla teatas sünnist", "vi": "Bệnh viện báo tin", "en": "The hospital told of the birth"},
            "action.DECLARE": {"et": "Nimi valitud", "vi": "Đã chọn tên", "en": "Name chosen"},
            "notice.child_recorded": {"et": "Laps on kirjas: {name}", "vi": "Bé đã được ghi: {name}", "en": "Your child is recorded, {name}. Choose a name."},
            "role.parent": {"et": "Vanem", "vi": "Cha mẹ", "en": "Parent"},
            "role.child": {"et": "Laps", "vi": "Trẻ", "en": "Child"},
        }  # fmt: skip
        found = known.get(key)
        return None if found is None else found[language].format(**values)

    # --- a person's

    def _check(self, case: str, actor: Actor) -> None:
        if self.down:
            raise Unavailable("the case system's database fails", code="database_error")
        allowed = {"case-1": {MARI, JAAN, OFFICIAL}, "case-2": {MARI}, "why-1": {MARI}}
        if actor.acting_for not in allowed.get(case, set()) or (
            actor.person == OFFICIAL and not actor.is_staff
        ):
            raise Refused("no such case", code="not_yours")

    def _clocks(self) -> tuple[ClockView, ...]:
        service = self.services()[0]
        days = [date(2026, 11, 19), date(2026, 11, 25), None, date(2026, 11, 20), date(2026, 12, 1)]
        clocks = []
        for number, clock in enumerate(service.clocks):
            day = days[number % 5]
            clocks.append(ClockView(clock.id, clock.title, day, "register_down" if number == 4 else None,
                                    day if number == 0 else None, late=number == 3))  # fmt: skip
        return tuple(clocks)

    def _task(self, case: str, actor: Actor) -> tuple[Task, ...]:
        if any(one[0] == case and one[2] == actor.person for one in self.acts) or case != "case-1":
            return ()
        screen = DECISION if actor.is_staff else EVERY_KIND
        return (Task(case, screen.id, screen.title, date(2026, 12, 22)),)

    def place(self, code: str) -> str | None:
        return {"0793": "Tartu linn"}.get(code)

    async def home(self, actor: Actor) -> Home:
        if self.down:
            raise Unavailable("the case system's database fails", code="database_error")
        mine = actor.acting_for in (MARI, JAAN)
        title = self.services()[0].title
        lines = (
            CaseLine("case-1", "S-2026-000123", "birth", title, "OPENED", NOW, date(2026, 11, 25), False),
            CaseLine(
                "case-2", "S-2026-000077", "move", self.services()[1].title, "REGISTERED", NOW, None, True
            ),
        )
        drafts = tuple(
            DraftLine(case, screen, EVERY_KIND.title, NOW)
            for case, screen, who in self.drafts
            if who == actor.acting_for
        )
        return Home(self._task("case-1", actor) if mine else (), lines if mine else (), drafts, 1)

    async def open_case(self, service: str, actor: Actor, *, key: str) -> str:
        return "case-1"

    async def view(self, case: str, actor: Actor) -> CaseView:
        self._check(case, actor)
        service = self.services()[1 if case == "case-2" else 0]
        done = any(one[0] == case for one in self.acts)
        timeline = [Entry(NOW - timedelta(days=1), "OPEN", "automatic", {})]
        if done:
            timeline.append(Entry(NOW, "DECLARE", "you", {}))
        failed = (FailedBody("GOV/70000003/insurance", "register_down", NOW + timedelta(minutes=5)),)
        results = {
            "given_names": self.given_names,
            "bodies_know": ["GOV/70000002/population", "GOV/70000006/residence"],
        }
        return CaseView(
            case, "S-2026-000123", service.id, service.title, "DECLARED" if done else "OPENED",
            "official" if actor.is_staff else "parent", 2, tuple(timeline), self._clocks(), self._task(case, actor),
            (Party("parent", actor.acting_for), Party("child", "EE62611200011")), results, failed, self.taken.get(case), case == "case-2",
            together=ClockView("birth.linked", LINKED, date(2026, 12, 1), None, None),
        )  # fmt: skip

    async def fill(self, case: str, screen: str, actor: Actor) -> Filled:
        self._check(case, actor)
        found = {one.id: one for one in (EVERY_KIND, DECISION)}.get(screen)
        if found is None or (found is DECISION) != actor.is_staff:
            raise Refused("no such screen now", code="not_yours")
        facts = (
            *(FactLine("person.given_names", of, self.given_names, None, POPULATION, "hospital", "2000-01-01", "2000-01-02", "PKTS § 22", 7)
            for of in ("parent", "child")),
            FactLine("person.residence", "parent", {"text": "Ülikooli 18-3, Tartu linn"}, None, "GOV/70000006/residence", "notice", "2020-05-01", "2020-05-02", "RRS § 68", 9),
            FactLine("person.contributions", "parent", None, "register_down", "GOV/70000004/social"),
            FactLine("child.paternity", "child", None, "not_held", POPULATION),
        )  # fmt: skip
        draft = self.drafts.get((case, screen, actor.acting_for))
        options = {"family_names": [("Maasikas", "Maasikas"), ("Tamm", "Tamm")]}
        if draft and draft.get("home"):
            options["home"] = [("18", "Ülikooli 18, Tartu"), ("20", "Ülikooli 20, Tartu")]
        return Filled(case, found, facts, options, draft or {"family_name": ["Maasikas"]}, (), self._clocks())

    async def save_draft(
        self, case: str, screen: str, actor: Actor, values: Mapping[str, Sequence[str]]
    ) -> None:
        self._check(case, actor)
        self.drafts[case, screen, actor.acting_for] = values

    async def act(
        self, case: str, action: str, actor: Actor, given: Mapping[str, Sequence[str]], *, key: str
    ) -> Acted:
        self._check(case, actor)
        if actor.is_staff and actor.posture != "managed":
            raise Refused("a device that is not managed", code="read_only_device")
        if self.refusal is not None:
            raise self.refusal
        if key in self.keys:
            return replace(self.keys[key], again=True)
        screen: Screen = DECISION if actor.is_staff else EVERY_KIND
        button = screen.action(action)
        answers = read_answers(screen, given, {"family_names": ["Maasikas", "Tamm"]})
        if answers.defects and not button.without_answers:
            raise Refused("not complete", code="defects", defects=answers.defects)
        if any(one[:3] == (case, action, actor.person) for one in self.acts):
            raise Refused("done", code="already_done")
        self.acts.append((case, action, actor.person, dict(given)))
        self.drafts.pop((case, screen.id, actor.acting_for), None)
        self.keys[key] = Acted(case, "DECLARED", action, 2, service="birth", number="S-2026-000123")
        return self.keys[key]

    async def add_file(
        self, case: str, screen: str, field: str, actor: Actor, content: IO[bytes], name: str
    ) -> CaseFile:
        self._check(case, actor)
        if not content.read(5).startswith(b"%PDF-"):
            raise Refused("not taken", code="defects", defects=[Defect(field, "file_type")])
        return CaseFile("file-1", name, "application/pdf", 5, "0" * 64, NOW)

    async def remove_file(self, case: str, screen: str, field: str, actor: Actor) -> None:
        self._check(case, actor)

    async def file(self, case: str, file: str, actor: Actor) -> CaseFile:
        self._check(case, actor)
        raise Refused("there is no such file", code="not_found")

    async def read_file(self, case: str, file: str, actor: Actor) -> AsyncIterator[bytes]:
        raise Refused("there is no such file", code="not_found")

    async def asked_signature(self, state: str, actor: Actor) -> Pending:
        raise Refused("nothing like it was asked to be signed", code="not_found")

    async def signed(self, case: str, signature: str, actor: Actor) -> tuple[str, bytes]:
        raise Refused("there is no such signature", code="not_found")

    async def record_mandate(
        self, clerk: Actor, person: str, service: str, statement: str, **_: object
    ) -> str:
        raise Refused("only a clerk acts for others so", code="not_yours")

    async def assisted(self, mandate: str, clerk: Actor) -> AssistedView:
        raise Refused("there is no such mandate of yours", code="not_yours")

    async def assisting(self, clerk: Actor) -> Sequence[AssistedView]:
        return ()

    async def begin_assisted(self, mandate: str, clerk: Actor, case: str | None, *, key: str) -> str:
        raise Refused("there is no such mandate of yours", code="not_yours")

    async def end_mandate(self, mandate: str, actor: Actor) -> None:
        return None

    async def seen(self, case: str, seq: int, actor: Actor) -> Seen:
        raise Refused("nothing was shown with this action", code="not_found")

    async def inbox(self, actor: Actor) -> Sequence[Notice]:
        if actor.acting_for not in (MARI, JAAN):
            return ()
        at = NOW if "n1" in self.read else None
        return (Notice("n1", NOW, "case-1", "notice.child_recorded", {"name": self.given_names}, at),)

    async def read_notice(self, notice: str, actor: Actor, language: str | None = None) -> None:
        self.read.add(notice)

    async def pushed(self, person: str, since: datetime) -> None:
        self.woken.append(person)

    # --- an official's

    async def desk(self, actor: Actor) -> Sequence[DeskItem]:
        title = self.services()[0].title
        return (
            DeskItem(
                "case-1", "S-2026-000123", "birth", title, "DECLARED", date(2026, 11, 20), True, None, None
            ),
            DeskItem(
                "case-3",
                "S-2026-000125",
                "birth",
                title,
                "DECLARED",
                date(2026, 11, 24),
                False,
                "GOV/70000006/residence",
                actor.person,
            ),
            DeskItem("case-4", "S-2026-000129", "birth", title, "OPENED", None, False, "parent", None),
        )

    async def take(self, case: str, actor: Actor) -> None:
        self._check(case, actor)
        self.taken[case] = actor.person

    async def release(self, case: str, actor: Actor) -> None:
        self._check(case, actor)
        self.taken.pop(case, None)

    async def reserve_numbers(self, service: str, count: int, actor: Actor, *, key: str) -> NumberBlock:
        raise Refused("for real cases alone", code="not_yours")

    async def number_blocks(self, actor: Actor) -> Sequence[ReservedBlock]:
        numbers = tuple(f"S-2026-{number:06}" for number in range(101, 151))
        return (ReservedBlock("block-1", numbers, NOW, frozenset(numbers[:2])),)

    async def hand_in(self, paper: BirthPaper, actor: Actor) -> HandedIn:
        raise Refused("for real cases alone", code="not_yours")

    async def paper(self, number: str, actor: Actor) -> HandedIn:
        if number != "S-2026-000101":
            raise Refused("no such paper", code="not_found")
        return HandedIn(number, "conflict", ("subject_has_case",), "case-1", "S-2026-000123")

    async def own_figures(self, actor: Actor) -> OwnFigures:
        mine = OfficialFigures(decided=12, returned=3, median_days=1.5, answered=2, overturned=1)
        return OwnFigures(NOW - timedelta(days=365), mine, None, ("GOV/70000003/insurance",))

    async def look_up(self, actor: Actor, person: str, *, case: str) -> Any:
        self.looked.append(person)
        if case != "S-2026-000123":
            raise Refused("no live case", code="no_live_case")
        return [
            FactLine(
                "person.given_names",
                "self",
                self.given_names,
                None,
                POPULATION,
                None,
                "2000-01-01",
                None,
                "PKTS § 22",
                7,
            )
        ]

    async def refused_looks(self, actor: Actor) -> Sequence[Sighting]:
        at = NOW - timedelta(days=2)
        return (Sighting(at, "EE47101010033", "no_live_case", None, actor.acting_for),)

    async def sightings(self, actor: Actor) -> Sequence[Sighting]:
        about = actor.person.removeprefix("EE")
        return [Sighting(datetime(2026, 11, 20, 9, tzinfo=UTC), actor.person, "no_live_case", None, about)]

    async def own_access(self, actor: Actor) -> Sequence[TrackerEntry]:
        return (await self.usage(actor)).entries[:1]

    # --- the tracker

    async def usage(self, actor: Actor) -> Usage:
        entries = [
            TrackerEntry("1", NOW - timedelta(hours=2), "GOV/70000001", "portal", "getFacts", "case-1", "PKTS § 22", "automatic", "person.given_names, person.residence", "m-1", POPULATION),
            TrackerEntry("2", NOW - timedelta(hours=1), "GOV/70000004", "social", f"getPerson {self.given_names}", None, None, "official", "person.residence", "m-2", "GOV/70000006/residence"),
            TrackerEntry("3", NOW, "GOV/70000001", "portal", "getResidence", "case-1", "RRS § 68", "self", "person.residence", "m-3", "GOV/70000006/residence"),
        ]  # fmt: skip
        totals = {POPULATION: 2, "GOV/70000006/residence": 2}
        return Usage(tuple(entries), (), totals, {POPULATION: 1})

    async def ask_official(self, actor: Actor, turns: Sequence[tuple[str, str]], *, key: str) -> str:
        self.handed_over.append(list(turns))
        return "case-1"

    async def contest(self, actor: Actor, register: str, record: Mapping[str, Any]) -> str:
        return "case-1"

    async def finding(
        self, actor: Actor, register: str, record: Mapping[str, Any], *, basis: str, matter: str, key: str
    ) -> str:
        self.found.append((actor.person, record, {"basis": basis, "matter": matter, "register": register}))
        return "case-1"

    async def findings(self) -> Sequence[PublicFinding]:
        return self.public

    async def witnessed_usage(self, actor: Actor) -> Witnessed:
        return Witnessed(await self.usage(actor), "n" * 20, self.witnesses)

    async def ask_unlisted(self, actor: Actor, register: str, messages: Sequence[str]) -> str:
        self.asked_unlisted.append((register, tuple(messages)))
        return "why-1"

    async def usage_container(self, actor: Actor, register: str, message_id: str, part: str) -> bytes:
        refused = self.containers_refused.get(message_id)
        if refused is not None:
            raise refused
        return f"{part} of {message_id} from {register} for {actor.acting_for}".encode()

    async def ask_why(self, actor: Actor, entry: str) -> str:
        return "why-1"

    async def proofs(self) -> Mapping[str, Proof]:
        told = (ChannelProof("portal", 171, 12, 2.0), ChannelProof("assisted", 43, 9, 3.0))
        lives = Proof(
            NOW - timedelta(hours=3), 214, 2.0, NOW - timedelta(minutes=5), True, True, told, 0.738, False
        )
        left = Proof(
            NOW - timedelta(days=140), 0, None, NOW - timedelta(days=55), False, False, (), None, None
        )
        return {"birth": lives, "move": left}

    async def catalogue(self, base: str) -> str:
        return f"<{base}service/birth> a <http://purl.org/vocab/cpsv#PublicService> ."


@dataclass
class ExchangeDouble:
    """Registers behind the exchange: population answers, residence is down."""

    calls: list[tuple[str, str, str, Any]] = field(default_factory=list)
    spoken_for: list[tuple[str, str | None]] = field(default_factory=list)
    given_names: str = "Mari"
    papers: dict[str, Any] = field(
        default_factory=lambda: {
            "/issuer": {"issuer": "x", "jwks": {"keys": []}},
            "/status-list": b"e30.e30.x",
        }
    )

    proofs: list[str | None] = field(default_factory=list)

    def system(self, service: str) -> str:
        return f"SILD/{service}"

    async def call(
        self, service: str, method: str, path: str, *, body: Any = None, case: str | None, basis: str, acting: str, represented: str | None = None, message_id: str | None = None, proof: str | None = None, office: str | None = None
    ) -> ExchangeAnswer:  # fmt: skip
        self.proofs.append(proof)
        self.calls.append((service, method, path, body))
        self.spoken_for.append((acting, represented))
        if service.endswith("residence"):
            raise Unavailable("down", code="network_error")
        if method == "POST":
            return ExchangeAnswer(201, {"id": "D-17", "state": "OPEN"}, message_id or "m")
        if "/card" in path and path.partition("?")[0] not in self.papers:
            raise CallerError("none", code="no_card", status=404)
        if path.partition("?")[0] in self.papers:
            answer = self.papers[path.partition("?")[0]]
            if isinstance(answer, Exception):
                raise answer
            return (
                ExchangeAnswer(200, None, "m", answer)
                if isinstance(answer, bytes)
                else ExchangeAnswer(200, answer, "m")
            )
        items = [
            {"fact": 7, "concept": "person.given_names", "value": self.given_names, "valid_from": "2000-01-01", "source": "hospital", "basis": "PKTS § 22"},
            {"fact": 6, "concept": "person.given_names", "value": self.given_names, "valid_from": "1999-01-01", "valid_to": "2000-01-01"},
            {"fact": 9, "concept": "person.citizenship", "key": "EE", "value": True, "source": "hospital"},
            {"fact": 10, "concept": "person.parents", "key": "47001010011", "value": "mother", "source": "hospital"},
            {"fact": 8, "concept": "person.date_of_birth", "value": "2000-01-01", "valid_from": "2000-01-01", "source": "hospital", "basis": "PKTS § 22"},
        ]  # fmt: skip
        return ExchangeAnswer(200, {"items": items}, "m")


class EvidenceDouble:
    async def container(self, message_id: str) -> bytes:
        return f"container of {message_id}".encode()
