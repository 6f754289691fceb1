"""Evidence from another country in a case, against a real population register there: asked, looked at, fetched, believed by its seal; and all that can go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from sild.cases import Actor, EvidenceSource, ExchangeAnswer, Refused
from sild.cases.tables import files
from sild.catalogue.services import Need
from sild.documents import BirthExtract, birth_extract_pdf, read_birth_extract, seal_pdf
from sild.errors import CallerError, Unavailable
from sild.i18n import folded
from sild.oots import Agent, DataService, EdmException, ErrorResponse, error_xml, parse_request
from sild.registries import EvidenceOffer, PopulationRegister, Transfer, population_app
from support.acting import serving

from .registers import Registers
from .world import JUHAN, MARI, OFFICIAL, World

SYSTEM = "VN/GOV/70000002/population"
PREVIEW = "https://portal.vn.example"
CLASSIFICATION = (
    "https://sr.oots.tech.ec.europa.eu/evidencetypeclassifications/VN/7dddca84-477d-594e-baa4-742a44ea1d81"
)
NAME = {"et": "Rahvastikuamet", "vi": "Cục hộ tịch", "en": "Civil Status Office"}
SOURCE = f"proof_of_birth|{SYSTEM}"


class Abroad(Registers):
    """Our registers as a double; the other country's population register is real, behind what security servers would write.

    spoil: of what comes back.  down: it does not.
    """

    site: Any = None
    down = False
    spoil: Callable[[bytes], bytes] = staticmethod(lambda body: body)

    async def call(self, service: str, method: str, path: str, **said: Any) -> ExchangeAnswer:
        if not service.startswith("/"):
            answer: ExchangeAnswer = await super().call(service, method, path, **said)
            return answer
        assert service == f"/{SYSTEM}"
        if self.down:
            raise Unavailable("no route", code="network_error")
        return await asyncio.to_thread(self._across, method, path, said)

    def _across(self, method: str, path: str, said: dict[str, Any]) -> ExchangeAnswer:
        headers = {
            "X-Road-Client": "EE/GOV/70000001/portal",
            "X-Road-Id": said["message_id"],
            "X-Road-UserId": said["acting"],
            "X-Road-Issue": said["case"],
            "Sild-Legal-Basis": said["basis"],
            "Content-Type": said["content_type"],
        }
        self.sent.append((headers, said["body"]))
        body = said["body"]
        answer = self.site.request(
            method, path, body=body, headers={k: v.encode().decode("latin-1") for k, v in headers.items()}
        )
        if answer.status != 200:
            code = answer.json()["type"].rpartition(":")[2]
            raise CallerError("refused", code=code, status=answer.status)
        return ExchangeAnswer(
            200, None, said["message_id"], self.spoil(answer.body), answer.headers["content-type"]
        )

    @property
    def sent(self) -> list[tuple[dict[str, str], bytes]]:
        return self.__dict__.setdefault("across", [])


class Country(World):
    """MARI was born in Viet Nam, as its register has it."""

    offers = True

    def __init__(self, directory: Any, **_of_a_program: Any) -> None:
        super().__init__(directory / "ee")
        old, self.registers = self.registers, Abroad()
        self.registers.answers = old.answers
        permit = self.packs.services["permit"].model_copy(
            update={"needs": (Need(requirement="proof_of_birth", of=("owner",), procedure="V1"),)}
        )
        self.packs = replace(self.packs, services={**self.packs.services, "permit": permit})
        self.register = PopulationRegister.open(
            directory / "vn",
            system=f"/{SYSTEM}",
            people=100,
            clock=self.clock,
            zone=ZoneInfo("Asia/Ho_Chi_Minh"),
        )
        self.register.evidence.offer = EvidenceOffer("VN", NAME, f"{PREVIEW}/preview")
        self.register.kernel.transfers = [
            Transfer("EE", "CTIA-2026-17", date(2027, 1, 1), ("queryEvidence",))
        ]
        self.born = next(one for one in self.register.some_people(8) if one["country"] == "VN")
        with self.register.kernel.engine.connect() as connection:
            from sild.registries.kernel import Facts

            facts = Facts(connection, self.now).values_of([self.born["code"]], ["given_names", "family_name"], on=self.now.date())  # fmt: skip
        self.names = facts[self.born["code"]]
        self.registers.answers["population", "GET", "/persons/38001085718"] = {
            "full_name": self.born["name"],
            "given_names": self.names["given_names"],
            "family_name": self.names["family_name"],
            "born": self.born["born"],
        }
        agent = Agent("70000002", "urn:oasis:names:tc:ebcore:partyid-type:unregistered:VN", NAME)
        service = DataService(CLASSIFICATION, "VN", SYSTEM, agent, PREVIEW)
        named = [self.register.certificates._seal.chain[-1]]
        if self.offers:
            self.evidence = (EvidenceSource(service, named),)  # type: ignore[assignment]

    async def asked(self) -> str:
        """A case in which MARI said yes."""
        case = await self.open()
        await self.act(case, "ASK_EVIDENCE", MARI, {"source": [SOURCE]})
        return case

    async def one(self, case: str, *states: str, actor: Actor = MARI) -> Any:
        """What stands there of the evidence, once it is in one of these states."""
        async with asyncio.timeout(20):
            while True:
                found = (await self.cases.view(case, actor)).evidence
                if found and found[-1].state in states:
                    return found[-1]
                await asyncio.sleep(0.02)

    def over_there(self, method: str, path: str, body: Any = None) -> Any:
        """As the portal of the other country asks its register in the person's name."""
        headers = {
            "X_Road_Client": "VN/GOV/70000001/portal",
            "X_Road_Id": f"VN-{self.key()}",
            "X_Road_UserId": f"VN{self.born['code']}",
            "X_Road_Issue": "own-data",
            "Sild_Legal_Basis": "GDPR 15",
        }
        site = self.registers.site
        answer = site.get(path, **headers) if method == "GET" else site.post(path, body, **headers)
        assert answer.status == 200, answer.text
        return answer.json()

    def says(self, location: str, *, use: bool = True) -> None:
        path = f"/evidence-requests/{location.rpartition('/')[2]}"
        seen = self.over_there("GET", path)
        # the word of the person, as the register takes it: its proof is tested with the register and the portal
        self.register.evidence.answer(
            path.rpartition("/")[2],
            seen["sha256"] if use else None,
            self._usage(),
        )

    def _usage(self) -> Any:
        from sild.registries.kernel.usage import Usage

        return Usage(
            "VN/GOV/70000001/portal",
            self.key(),
            user_id=f"VN{self.born['code']}",
            issue="own",
            basis="GDPR 15",
        )


@pytest.fixture
async def world(tmp_path: Any) -> AsyncIterator[Country]:
    country = Country(tmp_path)
    with serving(population_app(country.register)) as site:
        country.registers.site = site
        async with country:
            yield country
    country.register.close()


async def test_from_the_persons_yes_to_evidence_with_its_origin(world: Country) -> None:
    case = await world.open()
    view = await world.cases.view(case, MARI)
    assert [task.screen for task in view.may] == ["evidence.ask"] and view.evidence == ()
    filled = await world.cases.fill(case, "evidence.ask", MARI)
    ((value, words),) = filled.options["sources"]
    assert value == SOURCE and words.startswith("Vietnam: ")
    assert world.registers.sent == [], "nothing is asked before they say so"

    await world.act(case, "ASK_EVIDENCE", MARI, {"source": [SOURCE]})
    one = await world.one(case, "preview")
    assert one.location.startswith(f"{PREVIEW}/preview/") and len(one.way) == 43
    ((headers, xml),) = world.registers.sent
    assert (headers["X-Road-UserId"], headers["X-Road-Issue"]) == ("EE38001085718", case)
    assert headers["Sild-Legal-Basis"] == "(EL) 2018/1724 art 14"
    request = parse_request(xml)
    assert (request.procedure, request.explicitly_requested, request.subject.level) == ("V1", True, "High")
    assert request.subject.identifier == "EE/VN/38001085718" and request.preview_location is None

    world.says(one.location)
    await world.act(case, "FETCH_EVIDENCE", MARI)
    one = await world.one(case, "received", "missed")
    assert (one.state, one.location) == ("received", None)
    assert one.lines["family_name"] == world.names["family_name"] and one.lines["born"] == world.born["born"]
    origin = one.provenance
    assert (origin["sealed_for"], origin["issued_by"]["vi"]) == ("VN/GOV/70000002", "Cục hộ tịch")
    assert origin["message"] == world.registers.sent[-1][0]["X-Road-Id"] and len(origin["sha256"]) == 64

    file = await world.cases.file(case, one.file, MARI)
    assert file.is_sent and file.sha256 == origin["sha256"]
    content = b"".join([part async for part in await world.cases.read_file(case, one.file, OFFICIAL)])
    assert read_birth_extract(content) == one.lines, "the office reads the very document"
    office = await world.one(case, "received", actor=OFFICIAL)
    assert (office.way, office.location, office.person) == (None, None, "38001085718")
    with pytest.raises(Refused):
        await world.cases.file(case, one.file, JUHAN)
    assert (await world.cases.view(case, JUHAN)).evidence == (), "another party's evidence is theirs"
    told = {entry.name: dict(entry.data) for entry in (await world.cases.view(case, OFFICIAL)).timeline}
    assert told["SHOW_EVIDENCE"] == told["ASK_EVIDENCE"] == {}, "the way there is the person's alone"
    assert [task.screen for task in (await world.cases.view(case, MARI)).may] == []
    graph = await world.cases.catalogue("https://portal.example/catalogue/")
    assert "holdsRequirement" in graph and "EvidenceTypeList" in graph and SYSTEM in graph


async def test_no_is_an_answer(world: Country) -> None:
    case = await world.open()
    await world.act(case, "GO_WITHOUT", MARI)
    assert (await world.one(case, "without")).file is None
    with pytest.raises(Refused) as nothing:
        await world.act(case, "UPLOAD_EVIDENCE", MARI)
    assert [one.field for one in nothing.value.defects] == ["file"]
    import tempfile

    with tempfile.TemporaryFile() as paper:
        paper.write(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
        paper.flush()
        added = await world.cases.add_file(case, "evidence.ask", "file", MARI, paper, "sünnitõend.pdf")
    await world.act(case, "UPLOAD_EVIDENCE", MARI, {"file": [added.id]})
    one = await world.one(case, "uploaded")
    assert one.file == added.id and [item.state for item in (await world.cases.view(case, MARI)).evidence] == ["uploaded"]  # fmt: skip
    assert (await world.one(case, "uploaded", actor=OFFICIAL)).file == added.id
    assert world.registers.sent == []


async def test_it_is_the_persons_own_to_ask(world: Country) -> None:
    case = await world.open()
    for actor, given, code in (
        (MARI, {}, "defects"),
        (MARI, {"source": ["proof_of_birth|EVIL/GOV/1/population"]}, "defects"),
        (MARI, {"source": ["proof_of_death|VN/GOV/70000002/population"]}, "defects"),
        (replace(MARI, acr="low"), {"source": [SOURCE]}, "level_too_low"),
        (OFFICIAL, {"source": [SOURCE]}, "not_yours"),
        (replace(MARI, person="EE39901012239"), {"source": [SOURCE]}, "not_yours"),
    ):
        with pytest.raises(Refused) as refused:
            await world.act(case, "ASK_EVIDENCE", actor, given)
        assert refused.value.code == code
    world.mandates.standing.add("m-1")
    for_mari = replace(JUHAN, acr="high", representee=MARI.person, mandate_id="m-1")
    with pytest.raises(Refused) as refused:
        await world.act(case, "ASK_EVIDENCE", for_mari, {"source": [SOURCE]})
    assert refused.value.code == "only_in_person"
    with pytest.raises(Refused) as refused:
        await world.act(case, "FETCH_EVIDENCE", MARI)
    assert refused.value.code == "too_late" and world.registers.sent == []
    with pytest.raises(Refused):
        await world.cases.fill(case, "evidence.ask", OFFICIAL)


async def test_declined_there_is_declined_here(world: Country) -> None:
    case = await world.asked()
    one = await world.one(case, "preview")
    world.says(one.location, use=False)
    await world.act(case, "FETCH_EVIDENCE", MARI)
    assert (await world.one(case, "missed")).reason == "declined"
    assert [task.screen for task in (await world.cases.view(case, MARI)).may] == ["evidence.ask"]


async def test_back_without_an_answer_and_then_too_late(world: Country) -> None:
    case = await world.asked()
    first = await world.one(case, "preview")
    await world.act(case, "FETCH_EVIDENCE", MARI)
    one = await world.one(case, "preview")
    while one.reason is None:
        await asyncio.sleep(0.02)
        one = await world.one(case, "preview")
    assert (one.reason, one.location) == ("not_answered", first.location)
    world.later(minutes=61)
    await world.act(case, "FETCH_EVIDENCE", MARI)
    assert (await world.one(case, "missed")).reason == "timed_out"
    await world.act(case, "ASK_EVIDENCE", MARI, {"source": [SOURCE]})
    again = await world.one(case, "preview")
    assert again.location != first.location


async def test_nobody_there_or_not_known_here(world: Country) -> None:
    known = world.registers.answers["population", "GET", "/persons/38001085718"]
    for other, reason in (
        ({**known, "family_name": "Nobody"}, "nobody"),
        (CallerError("unknown", code="unknown_person", status=404), "not_known_here"),
    ):
        world.registers.answers["population", "GET", "/persons/38001085718"] = (
            (lambda _call, error=other: (_ for _ in ()).throw(error))
            if isinstance(other, Exception)
            else other
        )
        case = await world.asked()
        assert (await world.one(case, "missed")).reason == reason


async def test_no_assessment_no_exchange(world: Country) -> None:
    world.register.kernel.transfers = []
    case = await world.asked()
    assert (await world.one(case, "missed")).reason == "refused"


async def test_the_other_register_is_down(world: Country) -> None:
    world.registers.down = True
    case = await world.asked()
    async with asyncio.timeout(10):
        while (await world.cases.view(case, MARI)).evidence[-1].state == "asked":
            world.later(seconds=20)
            await asyncio.sleep(0.05)
    assert (await world.one(case, "missed")).reason == "provider_down"
    world.registers.down = False
    await world.act(case, "ASK_EVIDENCE", MARI, {"source": [SOURCE]})
    await world.one(case, "preview")


def error_as(exception: EdmException, **more: Any) -> Callable[[bytes], bytes]:
    """The answer of a register that says something else."""

    def spoiled(body: bytes) -> bytes:
        from sild.oots.regrep import parse

        request_id = parse(body).get("requestId", "")
        agent = Agent("70000002", "urn:oasis:names:tc:ebcore:partyid-type:unregistered:VN", NAME, "VN")
        error = ErrorResponse(
            "166155eb-d7a7-4cac-9086-8a85f0116462",
            request_id,
            datetime.now(UTC),
            agent,
            agent,
            exception,
            **more,
        )
        return error_xml(error)

    return spoiled


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (error_as(EdmException.UNRESOLVED_REFERENCE), "several"),
        (error_as(EdmException.AUTHENTICATION), "level_too_low"),
        (error_as(EdmException.UNSUPPORTED_CAPABILITY), "not_given_there"),
        (error_as(EdmException.QUERY), "refused"),
        (error_as(EdmException.AUTHORIZATION, preview_location="https://evil.example/preview/x"), "wrong_address"),
        (lambda body: body.replace(b"requestId=\"urn:uuid:", b"requestId=\"urn:uuid:0"), "altered"),
        (lambda body: b"<a/>", "altered"),
    ],
)  # fmt: skip
async def test_what_the_other_register_says_instead(
    world: Country, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    world.registers.spoil = spoil  # type: ignore[method-assign]
    case = await world.asked()
    assert (await world.one(case, "missed")).reason == reason


def other_byte(body: bytes) -> bytes:
    """Of the document, in the middle."""
    at = body.index(b"%PDF-") + 3_000
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


async def test_an_altered_response_is_not_used(world: Country) -> None:
    other_seal = PopulationRegister.open(world.directory / "other", system=f"/{SYSTEM}", people=100, clock=world.clock)  # fmt: skip
    stranger = other_seal.certificates._seal.chain[-1]
    other_seal.close()
    (source,) = world.evidence
    abroad = world.cases._parts.abroad
    for spoil, named in (
        (other_byte, source.named),
        (lambda body: body.replace(world.born["born"].encode(), b"1901-01-01"), source.named),
        (lambda body: body.replace(b"EE/VN/38001085718", b"EE/VN/47101010033"), source.named),
        (lambda body: body.replace(b"cid:", b"cid:0"), source.named),
        (lambda body: body[:-200], source.named),
        (lambda body: body, [stranger]),
        (lambda body: body, []),
    ):
        case = await world.asked()
        one = await world.one(case, "preview")
        world.says(one.location)
        world.registers.spoil = spoil  # type: ignore[method-assign]
        abroad._sources = {key: replace(source, named=named) for key in abroad._sources}
        await world.act(case, "FETCH_EVIDENCE", MARI)
        missed = await world.one(case, "missed", "received")
        assert (missed.state, missed.reason, missed.file) == ("missed", "altered", None)
        world.registers.spoil = lambda body: body  # type: ignore[method-assign]
        abroad._sources = dict.fromkeys(abroad._sources, source)


def sealed_of(world: Country, **other: Any) -> Callable[[bytes], bytes]:
    """The same response, in order, with another extract that the very register has sealed."""
    kernel = world.register.kernel
    known = {
        "number": "166155eb-d7a7-4cac-9086-8a85f0116462",
        "issuer": NAME,
        "code": "001199000001",
        "born": date.fromisoformat(world.born["born"]),
        "sex": "F",
        "citizenships": ("VN",),
        "birth_place": "Hà Nội",
        "mother": None,
        "father": None,
        "issued_on": world.now.date(),
    }
    extract = BirthExtract(**{**known, **world.names, **other})
    pdf = birth_extract_pdf(extract, "vi", at=world.now)
    sealed = seal_pdf(pdf, world.register.certificates._seal, kernel.stamp)

    def swapped(body: bytes) -> bytes:
        start, end = body.index(b"%PDF-"), body.rindex(b"\r\n--")
        return body[:start] + sealed + body[end:]

    return swapped


async def test_a_true_paper_of_somebody_else_is_not_used(world: Country) -> None:
    """A twin, a namesake, a name that changed: sealed by the right body, in an answer that is in order. What only people can tell apart is theirs."""
    given, family = world.names["given_names"], world.names["family_name"]
    for other, came in (
        ({"given_names": f"{given} Ngoc"}, False),  # a twin, or one more given name
        ({"given_names": "Thúy"}, False),  # a twin
        ({"family_name": "Tamm"}, False),  # a twin who married, or they themselves
        ({"given_names": ""}, False),
        ({"born": date(1901, 1, 1)}, False),  # a namesake
        ({"given_names": f"{folded(given)}\u0301", "family_name": folded(family)}, False),  # other accents
        ({"given_names": given.upper(), "family_name": family.upper()}, True),
        ({"given_names": family, "family_name": given}, True),
    ):
        case = await world.asked()
        one = await world.one(case, "preview")
        world.says(one.location)
        world.registers.spoil = await asyncio.to_thread(partial(sealed_of, world, **other))  # type: ignore[method-assign]
        await world.act(case, "FETCH_EVIDENCE", MARI)
        one = await world.one(case, "missed", "received")
        world.registers.spoil = lambda body: body  # type: ignore[method-assign]
        if came:
            assert one.state == "received", other
            continue
        assert (one.state, one.reason, one.file, dict(one.lines)) == ("missed", "another_person", None, {}), (
            other
        )
        tasks = [task.screen for task in (await world.cases.view(case, MARI)).may]
        assert tasks == ["evidence.ask"], "they bring it themselves, and the office looks"
    with world.cases._parts.store.reading() as connection:
        kept = connection.scalar(select(func.count()).select_from(files))
    assert kept == 2, "nothing of somebody else's is kept"


async def test_an_answer_in_anothers_name_is_not_used(world: Country) -> None:
    case = await world.asked()
    one = await world.one(case, "preview")
    world.says(one.location)
    family = world.names["family_name"].encode()
    world.registers.spoil = lambda body: body.replace(b">" + family + b"<", b">Tamm<", 1)  # type: ignore[method-assign]
    await world.act(case, "FETCH_EVIDENCE", MARI)
    one = await world.one(case, "missed", "received")
    assert (one.state, one.reason, one.file) == ("missed", "another_person", None)


async def test_nobody_is_asked_unless_the_directory_says_so(tmp_path: Any) -> None:
    class Closed(Country):
        offers = False

    async with Closed(tmp_path) as world:
        case = await world.open()
        assert (await world.cases.view(case, MARI)).may == ()
        for action in ("ASK_EVIDENCE", "GO_WITHOUT", "UPLOAD_EVIDENCE"):
            with pytest.raises(Refused):
                await world.act(case, action, MARI, {"source": [SOURCE]})
        world.register.close()
