"""Evidence of a use is for the person it is about, and holds nobody else: whoever asks for more gets none, and learns nothing by it (ADR 0049)."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from sild.errors import CallerError, PeerError, PlatformError, Unavailable
from sild.events import Event
from sild.openid import RecordedMandate
from sild.registries.kernel import Kernel, Usage
from sild.registries.kernel.http import Concept, PersonalUsage, SelfDescription, register_app
from sild.signatures import AsicContainer, Attachment, read_asice, write_asice
from sild.xroad.rest import RestRequest, RestResponse
from support.acting import LogIn, proof, serving
from support.asgi import Answer, Site

from ..asking import refused
from .conftest import SYSTEM, SetClock

REGISTER = SYSTEM.strip("/")
PORTAL, INSURANCE, POLICE = (
    f"SILD/GOV/{one}" for one in ("70000001/portal", "70000003/insurance", "7/police")
)
READER, CHILD, OTHER = "38001085718", "62401010012", "49001010005"
COMPANY = "10001012"
PERSON = LogIn("low", None, ())
Headers = tuple[tuple[bytes, bytes], ...]
AUTOMATIC: Headers = ((b"X-Road-UserId", b"automatic"), (b"Sild-Legal-Basis", b"RaKS 5"))
JSON = ((b"Content-Type", b"application/json"),)


@dataclass
class Sent:
    """One exchange as it lies in the log. body: what was sent; answer: what came back, None: nothing has."""

    client: str = INSURANCE
    id: str = "m-1"
    request_id: str = "r-1"
    method: str = "GET"
    path: str = f"/persons/{READER}"
    headers: Headers = AUTOMATIC
    answer_headers: Headers = JSON
    body: bytes | None = None
    answer: bytes | None = b'{"name": "Mari"}'
    provider: str = REGISTER
    service: str = "population"

    def containers(self) -> Iterator[bytes]:
        target = f"/r1/{self.provider}/{self.service}{self.path}".encode()
        who = ((b"X-Road-Client", self.client.encode()), (b"X-Road-Issue", b"case-9"))
        request = RestRequest.from_http(
            self.method, target, who + self.headers, request_id=self.request_id, query_id=self.id
        )
        yield _container(request.part, self.body)
        if self.answer is not None:
            answer = RestResponse.from_http(
                200, "OK", self.answer_headers, request=request, request_hash=b"\1" * 64
            )
            yield _container(answer.part, self.answer or None)


def _container(message: bytes, body: bytes | None) -> bytes:
    """Unsigned: a register gives what its log holds, and judges no signature."""
    whole = AsicContainer(message, b"<signature/>")
    if body is not None:
        chain = b"<chain><DataRef URI='/attachment1'/></chain>"
        whole = replace(
            whole,
            hash_chain_result=b"<result/>",
            hash_chain=chain,
            attachments=(Attachment.of_bytes(1, body),),
        )
    file = io.BytesIO()
    write_asice(whole, file, at=datetime(2026, 3, 2, tzinfo=UTC))
    return file.getvalue()


@dataclass
class World:
    """A register, its message log, and the portal that asks for a person."""

    kernel: Kernel
    site: Site
    log: list[bytes] = field(default_factory=list)
    failure: PlatformError | None = None
    number: int = 0
    request_ids: Collection[str] = ()

    async def logged(self, _message_id: str, request_ids: Collection[str]) -> Sequence[bytes]:
        self.request_ids = request_ids
        if self.failure is not None:
            raise self.failure
        return self.log

    def used(self, sent: Sent, *persons: str, **more: Any) -> None:
        """The exchange lies in the log, and the register recorded it."""
        self.log += sent.containers()
        usage = Usage(sent.client, sent.id, sent.request_id, "automatic", "case-9", "RaKS 5")
        with self.kernel.used("getPerson", replace(usage, **more)) as use:
            use.concerns(*persons or (READER,))

    def told(self, event: str, whose: str) -> str:
        """The message's id."""
        self.number += 1
        message = f"told-{self.number}"
        one = Event("e1", SYSTEM, event, whose, datetime(2026, 3, 2, tzinfo=UTC))
        self.kernel.telling(one, INSURANCE, message)
        sent = Sent(
            REGISTER,
            message,
            f"r-{message}",
            "POST",
            "",
            body=b"{}",
            answer=b"",
            provider=INSURANCE,
            service="events",
        )
        self.log += sent.containers()
        return message

    def ask(self, part: str = "request", *, whose: str = READER, message: str = "m-1", **said: Any) -> Answer:
        """As the portal does for the reader, or for whom they act."""
        self.number += 1
        party = None if whose == READER else f"EE{whose}"
        case = said.get("case", f"own-{self.number}")
        login = said.get("login", replace(PERSON, representee=party))
        token = proof(
            f"EE{READER}",
            case,
            datetime(2026, 3, 1, tzinfo=UTC),
            login=login,
            operations=said.get("operations", ["getUsageContainer"]),
            lifetime=timedelta(days=3650),
            recorded=said.get("recorded"),
        )
        headers = {
            "X-Road-Client": PORTAL,
            "X-Road-Id": said.get("id", f"own-{self.number}"),
            "X-Road-UserId": f"EE{READER}",
            "X-Road-Issue": case,
            "Sild-Legal-Basis": "GDPR 15",
            "Sild-Acting": said.get("token", token),
            **({} if party is None else {"X-Road-Represented-Party": party}),
            **said.get("headers", {}),
        }
        path = said.get("path", f"EE{whose}")
        return self.site.request(
            "GET",
            f"/persons/{path}/usage-container?messageId={quote(message, safe='')}&part={part}",
            headers=headers,
        )

    def outcomes(self, whose: str = READER) -> list[str]:
        entries = self.kernel.usage_of(whose).entries
        return [one.outcome for one in entries if one.operation == "getUsageContainer"]


@pytest.fixture
def world(kernel: Kernel) -> Iterator[World]:
    app = register_app(
        kernel, SelfDescription("population", {"en": "People"}, "Office", [Concept("person.name", "A name")])
    )

    @app.get("/persons/{code}", operation_id="getPerson")
    def person(code: str, usage: PersonalUsage) -> None: ...

    @app.get("/houses/{house}", operation_id="getHouse")
    def house(house: str, usage: PersonalUsage) -> None: ...

    @app.get("/companies/{code}", operation_id="getCompany")
    def company(code: str, usage: PersonalUsage) -> None: ...

    @app.post("/notices", operation_id="takeNotice")
    def notice(usage: PersonalUsage) -> None: ...

    with serving(app) as site:
        world = World(kernel, site)
        kernel.logged = world.logged
        yield world


def given(answer: Answer) -> AsicContainer:
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.etsi.asic-e+zip"
    container = read_asice(io.BytesIO(answer.body))
    assert container.attachments == (), "no body leaves the register"
    return container


def test_request_and_answer_without_their_bodies(world: World) -> None:
    world.used(Sent())
    assert given(world.ask()).message.startswith(
        b"GET\r\n/r1/SILD/GOV/70000002/population/population/persons/"
    )
    answer = given(world.ask("response"))
    assert answer.message.startswith(b"200\r\n") and answer.hash_chain is not None
    assert world.outcomes() == ["done", "done"], "taking it is a use, too"


def token_of(user: str, **said: Any) -> bytes:
    return proof(f"EE{user}", "case-9", login=said.pop("login", PERSON), **said).encode()


NAMED = {
    "another acts": Sent(headers=((b"X-Road-UserId", b"EE49001010005"),)),
    "as one, and as another": Sent(headers=(*AUTOMATIC, (b"X-Road-UserId", b"EE49001010005"))),
    "of another country, with the reader's digits": Sent(headers=((b"X-Road-UserId", b"LT38001085718"),)),
    "for another": Sent(headers=(*AUTOMATIC, (b"X-Road-Represented-Party", b"PERSON/EE49001010005"))),
    "another in the path": Sent(path=f"/persons/{OTHER}"),
    "a house in the path": Sent(path="/houses/17"),
    "hidden in a path": Sent(path=f"/persons%2F{OTHER}"),
    "an address that is none of the register's": Sent(path="/anything"),
    "a name in the query": Sent(path=f"/persons/{READER}?family_name=Tamm"),
    "a code in the query": Sent(path=f"/persons/{READER}?limit={OTHER}"),
    "a header of their own": Sent(headers=(*AUTOMATIC, (b"X-Neighbour", b"Juhan"))),
    "a code in a header": Sent(headers=(*AUTOMATIC, (b"Accept", b"text/plain; of=49001010005"))),
    "who applied": Sent(headers=(*AUTOMATIC, (b"Sild-Applied", token_of(READER)))),
    "another's proof": Sent(headers=(*AUTOMATIC, (b"Sild-Acting", token_of(OTHER)))),
    "a proof that names whom it is for": Sent(
        headers=(
            *AUTOMATIC,
            (b"Sild-Acting", token_of(READER, login=replace(PERSON, representee=f"EE{OTHER}"))),
        )
    ),
    "a proof by a mandate": Sent(
        headers=(*AUTOMATIC, (b"Sild-Acting", token_of(READER, by_law=f"EE{CHILD}")))
    ),
    "no proof at all": Sent(headers=(*AUTOMATIC, (b"Sild-Acting", b"e30.bm9uc2Vuc2U.x"))),
}


def test_a_head_that_names_somebody_else_is_not_given(world: World) -> None:
    """Nor the answer: its head has the request's hash, by which each official of a body could be tried."""
    for name, sent in NAMED.items():
        world.log.clear()
        world.used(replace(sent, id=name, request_id=name))
        for part in ("request", "response"):
            answer = world.ask(part, message=name)
            assert answer.status == 403, name
            refused(answer, 403, "names_others")
    assert world.outcomes() == ["names_others"] * 2 * len(NAMED)


def test_what_the_head_of_an_answer_says_of_others(world: World) -> None:
    for number, header in enumerate(
        ((b"Location", b"/persons/1"), (b"ETag", b"x"), (b"Content-Type", b"text/plain; of=49001010005"))
    ):
        world.used(Sent(id=f"m-{number}", request_id=f"r-{number}", answer_headers=(header,)))
        refused(world.ask("response", message=f"m-{number}"), 403, "names_others")
        given(world.ask(message=f"m-{number}"))
        world.log.clear()


def test_their_own_word_is_theirs(world: World) -> None:
    own = ((b"X-Road-UserId", b"EE38001085718"), (b"Sild-Acting", token_of(READER)))
    world.used(Sent(headers=own, path=f"/persons/EE{READER}?on=2026-01-01&history=true"))
    given(world.ask("response"))


def test_the_office_in_a_head_is_for_the_person_alone(world: World) -> None:
    office = (*AUTOMATIC, (b"Sild-Office", b"birth@0793"))
    world.used(Sent(headers=office))
    given(world.ask())
    world.log.clear()
    world.used(Sent(id="m-2", request_id="r-2", headers=office, path=f"/persons/{CHILD}"), CHILD)
    refused(world.ask(whose=CHILD, message="m-2"), 403, "names_others")


def test_a_digest_is_not_given_where_the_body_may_be_guessed(world: World) -> None:
    """Who knows all of an answer but another's address tries addresses until the digest fits."""
    world.used(Sent(), READER, OTHER)
    given(world.ask())
    refused(world.ask("response"), 403, "names_others")
    world.log.clear()
    world.used(Sent(id="m-2", request_id="r-2", method="POST", path="/notices", body=b"{}"), READER, OTHER)
    for part in ("request", "response"):
        refused(world.ask(part, message="m-2"), 403, "names_others")


def test_whoever_acts_for_somebody_gets_no_digest_of_what_may_be_kept_from_them(world: World) -> None:
    """A father, of a child whose address is kept from him."""
    world.used(Sent(path=f"/persons/{CHILD}"), CHILD)
    assert CHILD.encode() in given(world.ask(whose=CHILD)).message
    refused(world.ask("response", whose=CHILD), 403, "names_others")
    assert world.outcomes(CHILD) == ["names_others", "done"]


def test_a_companys_board_is_the_company(world: World) -> None:
    world.used(Sent(path=f"/companies/{COMPANY}"), COMPANY)
    for part in ("request", "response"):
        given(world.ask(part, whose=COMPANY))
    world.used(Sent(id="m-2", request_id="r-2", path=f"/persons/{OTHER}"), COMPANY)
    refused(world.ask(whose=COMPANY, message="m-2"), 403, "names_others")
    refused(world.ask(message="m-1"), 404, "unknown_message")


def test_what_was_told_and_what_was_told_in_few_words(world: World) -> None:
    """A protection order is told as any other change: neither its length nor that it is not given may say more."""
    birth = world.told("civil.birth.registered", CHILD)
    given(world.ask(whose=CHILD, message=birth))
    given(world.ask("response", whose=CHILD, message=birth))
    for event in ("civil.protection.ordered", "fact.corrected"):
        given(world.ask(message=world.told(event, READER)))
        refused(world.ask(whose=CHILD, message=world.told(event, CHILD)), 403, "names_others")


def test_withheld_anothers_and_not_there_are_answered_alike(world: World, clock: SetClock) -> None:
    inquiry = Usage(POLICE, "secret", "r-9", "EE36805280109", "case-9", "KrMS")
    with world.kernel.used("withholdReads", inquiry) as use:
        use.concerns(READER)
        use.withhold(READER, order="7", ends=clock() + timedelta(days=30))
    world.used(Sent(POLICE, "secret", "r-9"), issue="case-9")
    world.used(Sent(id="others", request_id="r-8", path=f"/persons/{OTHER}"), OTHER)
    said = [
        refused(world.ask(message=message), 404, "unknown_message")
        for message in ("secret", "others", "none")
    ]
    said.append(refused(world.ask(message="secret", path=f"EE{OTHER}"), 404, "unknown_message"))
    said.append(refused(world.ask(message="secret", path=f"LT{READER}"), 404, "unknown_message"))
    assert (
        len({tuple((name, value) for name, value in one.items() if name != "instance") for one in said}) == 1
    )
    assert {*world.outcomes(), *world.outcomes(OTHER)} == {"unknown_message"}
    clock.forward(days=31)
    given(world.ask(message="secret"))


def test_an_id_used_again_opens_nothing(world: World, clock: SetClock) -> None:
    """Another body, or the same in another case, sends under the id of an inquiry: the person gets that message alone."""
    with world.kernel.used("withholdReads", Usage(POLICE, "w", "r-0", "automatic", "case-9", "KrMS")) as use:
        use.withhold(READER, order="7", ends=clock() + timedelta(days=30))
    world.used(Sent(POLICE, "m-1", "r-9", answer=b"secret"))
    world.used(Sent(INSURANCE, "m-1", "r-1"))
    assert b"insurance" in given(world.ask()).message
    world.used(Sent(POLICE, "m-1", "r-5"), issue="case-open")
    messages = {given(world.ask(part)).message for part in ("request", "response") for _ in range(2)}
    assert all(b"r-9" not in one for one in messages)
    world.used(Sent(POLICE, "m-1", "r-9"), issue="case-open")  # a server that repeats a request id as well
    assert all(b"r-9" not in given(world.ask(part)).message for part in ("request", "response"))


def test_exchanges_that_cannot_be_told_apart(world: World) -> None:
    world.used(Sent(), request_id=None)
    given(world.ask())
    world.log += Sent(request_id="r-2").containers()
    refused(world.ask(), 410, "not_in_log")


def test_what_the_log_no_longer_has(world: World) -> None:
    world.used(Sent(answer=None))
    refused(world.ask("response"), 410, "not_in_log")
    world.log = [b"no container", *Sent(id="m-1", client=POLICE).containers()]
    refused(world.ask(), 410, "not_in_log")
    world.failure = CallerError("No signed documents found", code="not_found")
    refused(world.ask(), 410, "not_in_log")
    world.failure = Unavailable("down", code="network_error")
    refused(world.ask(), 503, "message_log_down")
    world.kernel.logged = None
    refused(world.ask(), 503, "message_log_down")
    assert world.outcomes() == ["not_in_log"] * 3, "what did not answer is no use"


def test_an_id_used_again_and_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever sends under the id of a use until the log cannot be looked through: of the use alone is asked, and what is refused is said."""
    world.used(Sent())
    given(world.ask())
    assert world.request_ids == {"r-1"}, "others under the id do not count"
    world.failure = PeerError("201 containers", code="too_many_messages")
    with caplog.at_level("WARNING"):
        refused(world.ask(), 409, "too_many_messages")
    said = next(one for one in caplog.records if "too_many_messages" in one.getMessage())
    assert said.levelname == "WARNING" and INSURANCE in str(vars(said))
    assert world.outcomes() == ["too_many_messages", "done"]
    assert any(one.operation == "getPerson" for one in world.kernel.usage_of(READER).entries)
    world.failure = None
    world.used(Sent(), request_id=None)
    given(world.ask())
    assert world.request_ids == frozenset(), "a line of which it is not known"


def test_nobody_but_the_person_gets_it_by_anybodys_word(world: World) -> None:
    world.used(Sent())
    token = proof(f"EE{READER}", "c", datetime(2026, 3, 1, tzinfo=UTC), login=PERSON,
                  operations=["getUsageContainer"], lifetime=timedelta(days=3650))  # fmt: skip
    first = world.ask(case="c", token=token, id="x-1")
    assert given(first) == given(world.ask(case="c", token=token, id="x-1")), (
        "the same message may come again"
    )
    for refusal in (
        world.ask(case="c", token=token, id="x-2"),
        world.ask(token=""),
        world.ask(operations=["disputeFact"]),
        world.ask(login=replace(PERSON, representee=f"EE{CHILD}")),
        world.ask(case="c", token=token, headers={"X-Road-Client": INSURANCE}),
        world.ask(case="c", token=token, headers={"X-Road-UserId": f"EE{OTHER}"}, path=f"EE{OTHER}"),
    ):
        refused(refusal, 403, "acting_not_proven")
    clerk = LogIn("high", "managed", (("clerk", "70000349"),))
    assisted = RecordedMandate("assist-1", f"EE{CHILD}", "0" * 64)
    world.used(Sent(id="m-2", request_id="r-2", path=f"/persons/{CHILD}"), CHILD)
    at_counter = world.ask(whose=CHILD, message="m-2", login=clerk, recorded=assisted)
    refused(at_counter, 404, "unknown_message")


@pytest.mark.parametrize(("message", "part"), [("m" * 256, "request"), ("m-1", "both"), ("m-1", "")])
def test_what_is_no_question(world: World, message: str, part: str) -> None:
    world.used(Sent())
    assert world.ask(part, message=message).status == 400
