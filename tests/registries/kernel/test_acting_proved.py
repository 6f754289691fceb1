"""What an official alone may do: who acts is the identity provider's word, for this register, person, system and case, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sild.asgi import serve_application
from sild.database import sqlite_url
from sild.http1 import Fetched, fetch
from sild.openid import RecordedMandate, SigningKey, new_signing_key, render_jwks
from sild.registries import published_keys
from sild.registries.kernel import Kernel
from sild.registries.kernel.asking import AtDesk, SaidByPerson
from sild.registries.kernel.http import Concept, PersonalUsage, SelfDescription, register_app
from support.acting import ISSUER, LogIn, proof, proved, signing_key

from .conftest import SetClock

SYSTEM = "SILD/GOV/70000002/population"
PORTAL = "SILD/GOV/70000001/portal"
OFFICIAL = "EE38001085718"
PERSON = LogIn(acr="substantial", posture=None, roles=())
REPRESENTED = "EE62401010017"
MESSAGE = {
    "X-Road-Client": PORTAL,
    "X-Road-Id": "m-1",
    "X-Road-UserId": OFFICIAL,
    "X-Road-Issue": "case-7",
    "Sild-Legal-Basis": "RRS 5",
}


class World:
    """A register of things, which officials give and look at; an identity provider that publishes keys, until it is down."""

    def __init__(self, kernel: Kernel, clock: SetClock) -> None:
        self.kernel, self.clock = kernel, clock
        self.keys: list[SigningKey] = [signing_key()]
        self.is_down, self.asked = False, 0
        things = SelfDescription("things", {"en": "Things"}, "Office", [Concept("person.thing", "A thing")])
        self.app = register_app(kernel, things)
        self._add(self.app)
        self.provider = Starlette(routes=[Route("/jwks", self._jwks)])
        self.url = ""

    def _add(self, app: FastAPI) -> None:
        @app.post("/things/{code}", operation_id="giveThing")
        def give(code: str, usage: PersonalUsage, desk: AtDesk) -> dict[str, str]:
            with self.kernel.used("giveThing", usage) as use:
                use.concerns(code)
                desk.ensure()
                return {"thing": "hat"}

        @app.post("/things/{code}/wish", operation_id="wishThing")
        def wish(code: str, usage: SaidByPerson) -> dict[str, str]:
            with self.kernel.used("wishThing", usage) as use:
                use.concerns(code)
                return {"wished": usage.principal or ""}

        @app.get("/things/{code}", operation_id="seeThing")
        def see(code: str, usage: PersonalUsage, desk: AtDesk) -> dict[str, str]:
            with self.kernel.used("seeThing", usage) as use:
                use.concerns(code)
                desk.ensure(acts=False)
                return {"thing": "hat"}

        @app.get("/things/{code}/seen", operation_id="seenThing")
        def seen(code: str, usage: PersonalUsage) -> dict[str, bool]:
            return {"by": usage.spoken is not None}

    async def _jwks(self, _request: Request) -> Response:
        self.asked += 1
        return Response(status_code=503) if self.is_down else JSONResponse(render_jwks(self.keys))

    def signed(self, **said: Any) -> str:
        """As the provider says it of the message, unless said otherwise."""
        given = {"subject": OFFICIAL, "case": "case-7", "at": self.clock(), "registers": [SYSTEM], **said}
        return proof(**given)

    def word(self, **said: Any) -> str:
        """As the provider says it of whoever wishes for a thing, unless said otherwise."""
        return self.signed(**{"operations": ["wishThing"], "login": PERSON, **said})

    async def wish(self, token: str | None, **more: str) -> Fetched:
        return await self.give(token, path="/wish", **more)

    async def give(self, token: str | None, *, method: str = "POST", path: str = "", **more: str) -> Fetched:
        headers = {**MESSAGE, **{name.replace("_", "-"): value for name, value in more.items()}}
        if token is not None:
            headers["Sild-Acting"] = token
        return await fetch(
            f"{self.url}/things/49001010005{path}",
            method=method,
            body=b"" if method == "POST" else None,
            headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        )


def code(answer: Fetched) -> str:
    return str(json.loads(answer.body)["type"]).rpartition(":")[2]


@pytest.fixture
def kernel(tmp_path: Path, clock: SetClock) -> Iterator[Kernel]:
    kernel = Kernel.open(sqlite_url(tmp_path / "things.sqlite"), f"/{SYSTEM}", clock=clock)
    yield kernel
    kernel.close()


@pytest.fixture
async def world(kernel: Kernel, clock: SetClock) -> AsyncIterator[World]:
    world = World(kernel, clock)
    provider = await serve_application(world.provider, "127.0.0.1", 0)
    kernel.take_word_of(ISSUER, published_keys(f"{provider.url}/jwks"))
    running = await serve_application(world.app, "127.0.0.1", 0)
    world.url = running.url
    yield world
    await running.close()
    await provider.close()


async def test_an_official_acts_and_looks(world: World) -> None:
    for _ in range(3):
        assert (await world.give(world.signed())).status == 200
    assert (await world.give(world.signed(acts=False), method="GET")).status == 200
    assert world.asked == 1, "keys are remembered"


ATTACKS: dict[str, dict[str, Any]] = {
    "another register's": {"registers": ["SILD/GOV/70000004/social"]},
    "another person's": {"subject": "EE60001019906"},
    "the same digits of another country": {"subject": "LT38001085718"},
    "of another case": {"case": "case-8"},
    "through another system": {"system": "SILD/GOV/70000009/portal"},
    "another issuer's": {"iss": "https://login.example.org"},
    "no issuer's": {"iss": None},
    "of nobody": {"sub": None},
    "signed by somebody else": {"key": new_signing_key("ES256")},
    "of no case": {"authorization_details": []},
    "of two cases": {"authorization_details": [{"type": "urn:sild:case", "identifier": one, "locations": ["x"], "actions": ["act"]} for one in ("case-7", "case-8")]},
    "of something else": {"authorization_details": [{"type": "urn:other", "identifier": "case-7", "locations": ["x"], "actions": ["act"]}]},
    "without a system": {"act": None},
    "to look": {"acts": False},
    "not yet": {"nbf": 4_000_000_000},
    "without an end": {"exp": None},
    "roles that are none": {"roles": "official"},
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_token_that_does_not_prove_it(world: World, attack: str) -> None:
    answer = await world.give(world.signed(**ATTACKS[attack]))
    assert (answer.status, code(answer)) == (403, "acting_not_proven")
    (use,) = world.kernel.usage_of("49001010005").entries
    assert (use.operation, use.outcome) == ("giveThing", "acting_not_proven"), (
        "the person sees that it was tried"
    )


@pytest.mark.parametrize(
    "login",
    [LogIn(acr="substantial"), LogIn(acr="low"), LogIn(posture="unmanaged"), LogIn(posture=None), LogIn(roles=())],
)  # fmt: skip
async def test_a_log_in_that_is_no_officials(world: World, login: LogIn) -> None:
    answer = await world.give(world.signed(login=login))
    assert (answer.status, code(answer)) == (403, "officials_only")


async def test_nothing_at_all_or_nonsense(world: World) -> None:
    honest = world.signed()
    head, payload, signature = honest.split(".")
    none = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    for token in (None, "", "x", "a.b.c", f"{none}.{payload}.", f"{head}.{payload}.", f"{head}.{payload}x.{signature}", honest[:-4], honest * 60):  # fmt: skip
        answer = await world.give(token)
        assert (answer.status, code(answer)) == (403, "acting_not_proven") or answer.status in (400, 431), (
            token
        )
    plain = await fetch(
        f"{world.url}/things/49001010005?level=high&posture=managed",
        method="POST",
        body=b"",
        headers=[(name.encode(), value.encode()) for name, value in MESSAGE.items()],
    )
    assert code(plain) == "acting_not_proven", "nobody takes the portal's word"


async def test_who_acts_for_another(world: World) -> None:
    assert (
        code(await world.give(world.signed(), X_Road_Represented_Party="EE62401010017"))
        == "acting_not_proven"
    )
    token = world.signed(login=LogIn(representee=REPRESENTED))
    answer = await world.give(token, X_Road_Represented_Party=f"PERSON/{REPRESENTED}")
    assert code(answer) == "acting_not_proven", "officials act in their own name"


async def test_at_the_desk_nobodys_word_for_themselves_counts(world: World) -> None:
    """It lives for months, and may wait for others; officials' do not."""
    for said in (
        {"operations": ["giveThing"]},
        {"operations": ["seeThing"]},
        {"login": LogIn(representee=REPRESENTED)},
    ):
        for acts, method in ((True, "POST"), (True, "GET"), (False, "GET")):
            answer = await world.give(world.signed(acts=acts, **said), method=method)
            assert (answer.status, code(answer)) == (403, "acting_not_proven"), (said, method)


async def test_a_token_of_another_kind_is_none(world: World) -> None:
    """An access token of the same person from the same provider, and a machine that says it is an official."""
    from sild.openid import sign_token

    claims = {"iss": ISSUER, "aud": [SYSTEM], "sub": OFFICIAL, "acr": "high", "exp": 4_000_000_000}
    assert code(await world.give(sign_token(claims, signing_key(), "at+jwt"))) == "acting_not_proven"
    assert code(await world.give(world.signed(), X_Road_UserId="automatic")) == "officials_only"


async def test_what_was_decided_is_done_hours_later_and_not_for_ever(world: World) -> None:
    """A register that was down hears of it when it can; after the provider's time the person has to act again."""
    token = world.signed(lifetime=timedelta(days=7))
    world.clock.forward(days=6, hours=23)
    assert (await world.give(token)).status == 200
    world.clock.forward(hours=2)
    answer = await world.give(token)
    assert (answer.status, code(answer)) == (403, "acting_expired")


async def test_keys_are_rotated_and_withdrawn(world: World) -> None:
    """A new key is fetched as soon as it signs; one that is published no more counts no more."""
    assert (await world.give(world.signed())).status == 200
    new = new_signing_key("ES256")
    world.keys.append(new)
    world.clock.forward(seconds=11)
    assert (await world.give(world.signed(key=new))).status == 200
    assert (await world.give(world.signed())).status == 200, "the old one is still published"
    world.keys.pop(0)
    world.clock.forward(minutes=11)
    assert code(await world.give(world.signed())) == "acting_not_proven"
    assert (await world.give(world.signed(key=new))).status == 200


async def test_unknown_keys_do_not_make_us_ask_for_each(world: World) -> None:
    stranger = new_signing_key("ES256")
    for _ in range(5):
        assert code(await world.give(world.signed(key=stranger))) == "acting_not_proven"
    assert world.asked == 1


async def test_the_provider_is_down(world: World) -> None:
    """Never asked before: later. Known keys are good for a day."""
    world.is_down = True
    answer = await world.give(world.signed())
    assert (answer.status, code(answer)) == (503, "identity_provider_down")
    world.is_down = False
    assert (await world.give(world.signed())).status == 200
    world.is_down = True
    world.clock.forward(hours=23)
    assert (await world.give(world.signed())).status == 200
    world.clock.forward(hours=2)
    assert (await world.give(world.signed())).status == 503


async def test_a_rule_does_not_wait_for_who_applied(world: World) -> None:
    """Of the provider's keys nothing is known: what follows from a rule is done all the same. No header is longer than the other's."""
    world.is_down = True
    machine = {"method": "GET", "path": "/seen", "X_Road_UserId": "automatic"}
    assert (await world.give("", Sild_Applied=world.signed(), **machine)).status == 200
    assert (await world.give("", Sild_Applied="x" * 32_769, **machine)).status in (400, 431)


async def test_a_register_that_was_told_of_no_provider(kernel: Kernel, clock: SetClock) -> None:
    world = World(kernel, clock)
    running = await serve_application(world.app, "127.0.0.1", 0)
    world.url = running.url
    assert code(await world.give(proved(MESSAGE)["Sild-Acting"])) == "acting_not_proven"
    await running.close()


# --- what people say for themselves


async def test_people_say_something_for_themselves_and_for_whom_they_represent(world: World) -> None:
    answer = await world.wish(world.word())
    assert (answer.status, json.loads(answer.body)) == (200, {"wished": "38001085718"})
    represented = {"X_Road_Represented_Party": "EE62401010017", "X_Road_Id": "m-2"}
    chain = LogIn(acr="substantial", posture=None, roles=(), representee="EE62401010017")
    answer = await world.wish(world.word(login=chain), **represented)
    assert (answer.status, json.loads(answer.body)) == (200, {"wished": "62401010017"})
    represented["X_Road_Id"] = "m-3"
    clerk, theirs = (
        LogIn(roles=[("clerk", "70000005")]),
        RecordedMandate("assist-1", "EE62401010017", "c" * 64),
    )
    word = world.word(login=clerk, recorded=theirs)
    assert (await world.wish(word, **represented)).status == 200, "a clerk at a counter"
    others = RecordedMandate("assist-2", "EE60001019906", "c" * 64)
    for login, recorded, party in (
        (clerk, None, represented),  # no mandate
        (clerk, others, represented),  # of somebody else
        (clerk, theirs, {"X_Road_Id": "m-4"}),  # and says it is for themselves
        (LogIn(), theirs, represented),  # an official, and no clerk
        (LogIn(), None, represented),
        (replace(clerk, posture=None), theirs, represented),
        (replace(clerk, representee="EE60001019906"), theirs, represented),
    ):
        word = world.word(login=login, recorded=recorded)
        assert code(await world.wish(word, **party)) == "acting_not_proven", (login, recorded, party)
    for login in (PERSON, LogIn(posture=None), LogIn(representee="EE60001019906")):
        assert code(await world.wish(world.word(login=login), **represented)) == "acting_not_proven", login
    assert code(await world.wish(world.word(login=chain))) == "acting_not_proven", (
        "and says it is for themselves"
    )


async def test_a_word_that_does_not_prove_it(world: World) -> None:
    """Every attack on officials' proofs, and those on what it is for; the one in whose name it was tried sees it."""
    others = {"for something else": {"operations": ["giveThing"]}, "for nothing": {"operations": []}}
    for attack, said in {**ATTACKS, **others}.items():
        answer = await world.wish(world.word(**said))
        assert (answer.status, code(answer)) == (403, "acting_not_proven"), attack
    for token in (None, "", "x", "a.b.c"):
        assert code(await world.wish(token)) == "acting_not_proven"
    assert code(await world.wish(world.word(), X_Road_UserId="automatic")) == "acting_not_proven"
    assert code(await world.wish(world.word(login=LogIn(acr="low")))) == "level_too_low"
    tried = {entry.outcome for entry in world.kernel.usage_of("38001085718").entries}
    assert tried == {"acting_not_proven", "level_too_low"}
    assert code(await world.give(world.word(login=LogIn()))) == "acting_not_proven", "nor is it an official's"


async def test_a_word_counts_for_one_message(world: World) -> None:
    word = world.word(lifetime=timedelta(days=90))
    assert code(await world.wish(world.word(at=world.clock() - timedelta(days=8)))) == "acting_expired"
    world.clock.forward(days=89)
    for _ in range(2):
        assert (await world.wish(word)).status == 200, "however often the message comes"
    assert code(await world.wish(word, X_Road_Id="m-2")) == "acting_not_proven"
    assert (await world.wish(world.word(), X_Road_Id="m-2")).status == 200, "said anew"
    world.clock.forward(days=2)
    assert code(await world.wish(word)) == "acting_expired"
