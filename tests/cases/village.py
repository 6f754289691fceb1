"""A country without security servers: the real registers and the real case system, joined in one process, a clock set by hand.

`Wire` carries what the exchange would: headers of a message, problems as errors, events to subscribers. Registers can be down, and an
answer can be lost after its effect.
"""

from __future__ import annotations

import asyncio
import atexit
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from stdnum import iban

from registries.families import couple
from registries.notices import bundle, death_bundle
from sild.cases import Actor, AskWhy, Assisted, CaseSystem, ExchangeAnswer, OfflineConflict, Refused
from sild.cases.birth import Birth
from sild.errors import CallerError, Unavailable
from sild.events import Dispatcher
from sild.nation.bank import answer_file
from sild.registries import (
    CareRegister,
    EducationRegister,
    InsuranceRegister,
    PopulationRegister,
    ResidenceRegister,
    SocialRegister,
    TreasuryRegister,
    care_app,
    education_app,
    insurance_app,
    population_app,
    residence_app,
    social_app,
    treasury_app,
)
from sild.registries.exchange import Told
from sild.registries.identity_codes import estonia
from sild.registries.kernel import Usage
from sild.registries.kernel.dispute_paths import NewPerson
from sild.registries.population.entering import enter_person
from sild.registries.synthetic import synthetic_people
from support.acting import Vouching, believing, operation_of, proved
from support.notices import notifying, signed_bundle, signed_death
from support.pen import SIGNERS, VillagePen
from support.words import words_of

from .registers import REGISTERS as COMMON
from .world import SYSTEM, Mandates, packs_of

REGISTERS = {**COMMON, "care": "GOV/70000003/care"}
KINDS = {
    "population": (PopulationRegister, population_app),
    "residence": (ResidenceRegister, residence_app),
    "insurance": (InsuranceRegister, insurance_app),
    "social": (SocialRegister, social_app),
    "education": (EducationRegister, education_app),
    "treasury": (TreasuryRegister, treasury_app),
    "care": (CareRegister, care_app),
}
OFFICIAL, OFFICIAL_VN = "36805280109", "001068000009"
SUPERIOR = estonia.make(date(1970, 1, 1), "M", 1)
"""Whom the population register knows: of nobody else it can be said whose kin they are not."""
SILENCING = [
    "civil.death.registered",
    "civil.death.annulled",
    "civil.stillbirth.recorded",
    "civil.protection.ordered",
    "civil.protection.ended",
]
ACTING = ["civil.birth.registered", *SILENCING]
TOLD = [*ACTING, "fact.corrected"]
SUBSCRIPTIONS = {
    "population": {"portal": ["civil.child.recorded", "civil.paper.settled", "civil.guardian.recorded", *ACTING], "residence": ["civil.child.recorded", "civil.birth.registered", *SILENCING], "insurance": TOLD, "social": TOLD, "education": [*TOLD, "civil.guardian.recorded"]},
    "residence": {"education": ["residence.*"]},
    "insurance": {"portal": ["insurance.*", "decision.corrected"]},
    "social": {"portal": ["social.offer.*", "social.benefit.*", "social.payment.executed", "social.payment.returned"]},
    "treasury": {"social": ["treasury.*"]},
    "care": {},
    "education": {"portal": ["education.queue.joined", "education.wait.reviewed", "education.place.offered"]},
}  # fmt: skip


async def asgi(app, method, path, headers, body):
    """One request to an application in this process: status and body."""
    parts = urlsplit(path)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("register", 80),
        "root_path": "",
        "state": {},
    }
    status, content = 0, bytearray()

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            content.extend(message.get("body", b""))

    await app(scope, receive, send)
    return status, bytes(content)


def closed() -> str:
    """An account of the demonstration's bank that was closed."""
    return "EE" + iban.calc_check_digits("EE002200221020140404") + "2200221020140404"


@dataclass
class Wire:
    apps: dict = field(default_factory=dict)
    down: set = field(default_factory=set)
    lost: set = field(default_factory=set)  # registers whose next answer to a POST is lost
    heard: list = field(default_factory=list)  # (register, method, path, headers)
    answering: int = 0  # registers that think just now

    async def send(self, register, method, path, *, headers, body=None, content_type="application/json"):
        if register in self.down:
            raise Unavailable(f"{register} is down", code="network_error")
        sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name: value for name, value in headers.items() if value is not None}
        given["Sild-Legal-Basis"] = given.get("Sild-Legal-Basis", "").encode().decode("latin-1")
        self.heard.append((register, method, path, headers))
        self.answering += 1
        try:
            status, content = await asgi(
                self.apps[register], method, path, {**given, "Content-Type": content_type}, sent
            )
        finally:
            self.answering -= 1
        if register in self.lost and method == "POST":
            self.lost.discard(register)
            raise Unavailable("the answer was lost", code="network_error")
        if status >= 500:
            raise Unavailable(f"{register} answered {status}", code="http_error")
        read = json.loads(content) if content else None
        if status >= 400:
            code = str(read.get("type", "")).rpartition(":")[2]
            faults = [fault for fault in read.get("errors") or () if "code" in fault]
            said = {
                "errors": ",".join(fault["code"] for fault in faults),
                "pointers": ",".join(fault.get("pointer", "") for fault in faults),
            }
            raise CallerError(str(read.get("detail", code)), code=code, status=status, **said)
        return status, read

    async def call(
        self,
        service,
        method,
        path,
        *,
        body=None,
        content_type="application/json",
        case,
        basis,
        acting,
        message_id,
        represented=None,
        proof=None,
        applied=None,
        office=None,
    ):
        """`sild.cases.Exchange`."""
        name = next(name for name, address in REGISTERS.items() if address == service)
        headers = {
            "X-Road-Client": SYSTEM.strip("/"),
            "X-Road-Id": message_id,
            "X-Road-UserId": acting,
            "X-Road-Issue": case,
            "Sild-Legal-Basis": basis,
            "X-Road-Represented-Party": represented,
            "Sild-Acting": proof,
            "Sild-Applied": applied,
            "Sild-Office": office,
        }
        headers = {name: value for name, value in headers.items() if value is not None}
        status, read = await self.send(
            name, method, path, headers=headers, body=body, content_type=content_type
        )
        return ExchangeAnswer(status, read, message_id)


class Asks:
    """`sild.registries.exchange.Ask` of one register."""

    def __init__(self, wire, name) -> None:
        self._wire, self._client = wire, f"SILD/{REGISTERS[name]}"

    def _headers(self, because, message_id):
        found = {
            "X-Road-Client": self._client,
            "X-Road-Id": message_id,
            "X-Road-UserId": because.user_id,
            "Sild-Legal-Basis": because.basis,
        }
        return found if because.case is None else {**found, "X-Road-Issue": because.case}

    async def ask(self, register, path, *, because):
        message_id = f"{self._client}|{because.key}|{'/'.join(path)}"
        try:
            _, body = await self._wire.send(
                register, "GET", "/" + "/".join(path), headers=self._headers(because, message_id)
            )
        except CallerError as refusal:
            if refusal.detail.get("status") in (404, 410):
                return Told(None, message_id, register)
            raise
        return Told(body, message_id, register)

    async def send(self, register, path, body, *, because, content_type="application/json"):
        message_id = f"{self._client}|{because.key}|{'/'.join(path)}"
        headers = self._headers(because, message_id)
        _, read = await self._wire.send(
            register, "POST", "/" + "/".join(path), headers=headers, body=body, content_type=content_type
        )
        return Told(read, message_id, register)


class Offices:
    """The registers and their applications, which take a second to make: one village after another has them, as they were made."""

    _free: ClassVar[list] = []
    PEOPLE = 400

    def __init__(self, directory) -> None:
        """What registers have learnt is kept in `directory`."""
        self.directory = directory
        self.clock = lambda: datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self.registers, self.apps = {}, {}
        for name, (register, app) in KINDS.items():
            system = f"/SILD/{REGISTERS[name]}"
            people = {} if name == "treasury" else {"people": self.PEOPLE}
            made = register.open(directory / name, system=system, clock=lambda: self.clock(), **people)
            self.registers[name] = made
            if name == "population":
                made.notifying = notifying()
            self.apps[name] = app(believing(made))
            made.kernel.tellers = {one: f"SILD/{address}" for one, address in REGISTERS.items()}
        known = Usage(client="SILD/GOV/70000002/population", message_id="known", user_id="automatic")
        with self.registers["population"].kernel.used("settleMissing", known) as use:
            enter_person(use, OFFICIAL, NewPerson(given_names="Aino", family_name="Ametnik"))
            enter_person(use, SUPERIOR, NewPerson(given_names="Ülo", family_name="Ülemus"))
            name = {"given_names": "Văn An", "family_name": "Nguyễn"}
            enter_person(use, OFFICIAL_VN, NewPerson(**name, born="1968-05-28"))
        self.dispose()

    @classmethod
    def anew(cls):
        """As on their first day."""
        if cls._free:
            offices = cls._free.pop()
        else:
            top = Path(mkdtemp())
            atexit.register(rmtree, top, ignore_errors=True)
            offices = cls(top / "now")
            copytree(top / "now", top / "made")
        offices.forget()
        return offices

    def forget(self) -> None:
        rmtree(self.directory)
        copytree(self.directory.with_name("made"), self.directory)

    def close(self) -> None:
        self.dispose()
        self._free.append(self)

    def dispose(self) -> None:
        for register in self.registers.values():
            register.kernel.engine.dispose()


class Village:
    """Started, subscribed and published; `settle` until nothing more happens. subscriptions: of a register, in place of the usual."""

    subscriptions: ClassVar[dict] = {}

    def __init__(self, directory, url=None, country="EE", offices=None) -> None:
        """offices: with what the registers have learnt; None: as on their first day."""
        self.directory, self.url = directory, url
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self.mandates = Mandates()
        self.pen = VillagePen(self.clock)
        self.packs = packs_of(country)
        self.offices = offices or Offices.anew()
        self.offices.clock = self.clock
        self.registers = self.offices.registers
        self.wire = Wire(self.offices.apps)
        self.dispatchers, self.workers = {}, {}
        self.keys = iter(range(1_000_000))
        for name, made in self.registers.items():
            for subscriber, types in {**SUBSCRIPTIONS, **self.subscriptions}[name].items():
                address = SYSTEM if subscriber == "portal" else f"/SILD/{REGISTERS[subscriber]}"
                made.kernel.outbox.subscribe(address, "events", types)
            self.dispatchers[name] = Dispatcher(made.kernel.outbox, self._deliver, clock=self.clock)
            if hasattr(made, "worker"):
                self.workers[name] = made.worker(Asks(self.wire, name))

    def processes(self):
        return [Birth(self.packs), AskWhy(), Assisted(self.packs), OfflineConflict()]

    def clock(self):
        return self.now

    def later(self, **times):
        self.now += timedelta(**times)

    async def _deliver(self, subscription, event):
        if subscription.subscriber == SYSTEM:
            await self.cases.take_event(event, f"m-{event.id}")
            return f"m-{event.id}"
        from sild.events import render_event

        name = next(name for name, address in REGISTERS.items() if subscription.subscriber.endswith(address))
        headers = {"X-Road-Client": event.source.strip("/"), "X-Road-Id": f"m-{event.id}-{name}", "X-Road-UserId": "automatic", "X-Road-Issue": event.extensions.get("caseid")}  # fmt: skip
        headers = {name: value for name, value in headers.items() if value is not None}
        await self.wire.send(name, "POST", "/events", headers=headers, body=render_event(event), content_type="application/cloudevents+json")  # fmt: skip
        return f"m-{event.id}"

    async def __aenter__(self):
        await self.start()
        await self.cases.publish()
        return self

    async def __aexit__(self, *raised):
        await self.cases.stop()
        self.offices.close()

    async def start(self):
        self.cases = self.opened()
        await self.cases.start()

    def opened(self):
        return CaseSystem.open(
            self.directory,
            self.url,
            system=SYSTEM,
            exchange=self.wire,
            packs=self.packs,
            processes=self.processes(),
            registers=REGISTERS,
            mandates=self.mandates,
            voucher=Vouching(self.clock),
            clock=self.clock,
            first_pause=timedelta(milliseconds=20),
            pen=self.pen,
            signers=SIGNERS,
        )

    async def settle(self, quiet=0.09):
        """Until nobody has anything to do, and had not for a while."""
        deadline = asyncio.get_running_loop().time() + 60
        rests = 0
        self.cases._parts.jobs.wake()  # the clock may have been set
        self.cases._parts.deliveries.wake()
        while asyncio.get_running_loop().time() < deadline:
            heard = len(self.wire.heard)
            moved = 0
            for dispatcher in self.dispatchers.values():
                moved += await dispatcher.dispatch()
            for worker in self.workers.values():
                moved += await worker.work()
            await asyncio.sleep(quiet / 3)
            resting = moved == 0 and heard == len(self.wire.heard) and not self.wire.answering
            rests = rests + 1 if resting and not self.busy() else 0
            if rests == 2:
                return
        raise TimeoutError("the village never comes to rest")

    def busy(self):
        """Jobs of the case system that run or wait for now, and what it is about to tell registers of decisions that reached people."""
        from sqlalchemy import func, select

        from sild.cases.tables import deliveries, jobs

        telling = select(func.count()).select_from(deliveries)
        telling = telling.where(
            deliveries.c.state == "waiting", deliveries.c.tries == 0, deliveries.c.next_try <= self.now
        )
        query = select(func.count()).select_from(jobs)
        due = jobs.c.state.in_(("waiting", "running")) & (jobs.c.due_at <= self.now) & jobs.c.body.is_(None)
        with self.cases._parts.store.reading() as connection:
            return connection.scalar(query.where(due)) + connection.scalar(telling)

    def waiting(self):
        """Jobs that wait for a register that did not answer."""
        from sqlalchemy import func, select

        from sild.cases.tables import jobs

        query = select(func.count()).where(jobs.c.state == "running", jobs.c.body.is_not(None))
        with self.cases._parts.store.reading() as connection:
            return connection.scalar(query)

    def key(self):
        return f"key-{next(self.keys)}"

    async def act(self, case, action, actor, given=None, key=None):
        done = await self.say(case, action, actor, given or {}, key=key or self.key())
        await self.settle()
        return done

    async def say(self, case, action, actor, given, *, key):
        """The action; signed, where it has to be."""
        try:
            return await self.cases.act(case, action, actor, given, key=key)
        except Refused as refused:
            if refused.code != "signature_needed":
                raise
        state, code = await self.ask_signature(case, action, actor, given, key=key)
        return await self.cases.finish_signature(state, code, actor)

    async def ask_signature(self, case, action, actor, given, *, key):
        """What the person brings back from the signing service when they say yes."""
        address = await self.cases.ask_signature(case, action, actor, given, key=key)
        said = dict(parse_qsl(urlsplit(address).query))
        return said["state"], said["code"]

    async def ask(
        self, register, method, path, body=None, *, user="automatic", content_type="application/json"
    ):
        """Somebody else asks a register."""
        headers = {"X-Road-Client": "SILD/COM/90000001/hospital", "X-Road-Id": self.key(), "X-Road-UserId": user, "Sild-Legal-Basis": "RRS 5", "X-Road-Issue": "elsewhere"}  # fmt: skip
        said = operation_of(self.wire.apps[register], method, path)
        if path == "/moves" and "words" not in body:
            body = {**body, "words": words_of(body, case="elsewhere", system=headers["X-Road-Client"])}
        return (
            await self.wire.send(
                register,
                method,
                path,
                headers=proved(headers, operations=said),
                body=body,
                content_type=content_type,
            )
        )[1]

    async def bank(self, currency="EUR"):
        """Takes what the treasury has for it; whatever goes to an account that ends in 0404 comes back."""
        treasury = self.registers["treasury"]
        file = treasury.instruct(currency)
        if file is not None:
            treasury.take_report(answer_file(file.xml, at=self.now))
        await self.settle()
        return 0 if file is None else file.count

    async def born(self, mother, father=None, *, settle=True, **said):
        """The hospital's notice; the child's code."""
        sent = json.dumps(signed_bundle(bundle(mother, father, **said), at=self.now)).encode()
        answer = await self.ask(
            "population", "POST", "/birth-notices", sent, content_type="application/fhir+json"
        )
        assert answer["outcome"] == "RECORDED", answer
        if settle:
            await self.settle()
        return answer["child"]

    async def dies(self, person, died, **said):
        """The hospital's notice, signed by its doctor."""
        notice = signed_death(death_bundle(person, died, **said), at=self.now)
        await self._noted("/deaths", notice)

    async def lives(self, person, by):
        """Who is recorded as dead says that they live, or a parent does; two officials annul the death."""
        found = (await self.ask("population", "GET", f"/persons/{person}/facts"))["items"]
        (wrong,) = [one["fact"] for one in found if one["name"] == "died"]
        said = {"reason": "A mistake.", "proposed_value": None}
        dispute = await self.ask("population", "POST", f"/facts/{wrong}/dispute", said, user=f"EE{by}")
        for who in ("EE36805280109", "EE47005120238"):
            path = f"/disputes/{dispute['id']}/annulment"
            await self.ask("population", "POST", path, {"reason": "Seen alive."}, user=who)

    async def was_stillborn(self, mother, child, born="2026-03-01"):
        """The hospital's notice that a child recorded as living was not."""
        told = bundle(mother, born=born, stillborn=True, child=child)
        await self._noted("/stillbirths", signed_bundle(told, at=self.now))

    async def _noted(self, path, notice):
        body = json.dumps(notice).encode()
        await self.ask("population", "POST", path, body, content_type="application/fhir+json")

    async def case_of(self, actor):
        """Their newest live case."""
        return (await self.cases.home(actor)).cases[0].id

    async def office(self, case):
        """Who decides it."""
        found = await asyncio.to_thread(self.cases._parts.read, case)
        return found.office

    async def try_again(self, case):
        """An official has a silent register asked again at once."""
        await self.cases.try_again(case, official(await self.office(case)))
        await asyncio.sleep(0.05)
        await self.settle()

    async def notices(self, actor):
        return [notice.text.removeprefix("birth.notice.") for notice in await self.cases.inbox(actor)]


def citizen(person, **more):
    code = person if isinstance(person, str) else person.code
    return Actor(person=("VN" if len(code) == 12 else "EE") + code, acr="high", **more)


def official(office, code=OFFICIAL, **more):
    return Actor(person=f"EE{code}", acr="high", posture="managed", roles=frozenset({"official"}), authority=office, **more)  # fmt: skip


def couples(count, country="EE"):
    """Wives and husbands at one home, of an age to have children, each family once."""
    found = []
    for person in synthetic_people(400):
        age, spouse = (date(2026, 3, 1) - person.born).days / 365.25, person.spouse
        fits = person.country == country and person.sex == "F" and 20 < age < 60 and not person.died
        if fits and spouse is not None and not spouse.died and person.home is spouse.home is not None:
            found.append((person, spouse))
    assert len(found) >= count, len(found)
    return found[:count]


MOTHER, FATHER = couple()
MARI, JAAN = citizen(MOTHER), citizen(FATHER)
FORM = {
    "given_names": ["Linda"],
    "family_name": [MOTHER.family_name],
    "address": ["mother"],
    "wants_place": ["no"],
}
"""What a parent sends who wants no kindergarten place."""
ACCOUNT = "EE382200221020145685"
