"""A call from key to answer. The order is the rule: nothing is asked that was not allowed, reserved and written down before.

(1) key and its entry in the algorithm register   (2) template and values   (3) both locks   (4) budget and ledger
(5) one provider after the other: key, switch, profile, breaker, ledger, asking   (6) what it said, looked through   (7) ledger
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from uuid import uuid4

from sild.ai_gateway.asking import Provider, ask
from sild.ai_gateway.canaries import Listening
from sild.ai_gateway.errors import KeyRefused, NoModel, PromptRefused
from sild.ai_gateway.judgement import Question, Verdict, judge
from sild.ai_gateway.key_book import KeyBook
from sild.ai_gateway.listening import Ears
from sild.ai_gateway.outputs import OutputGuard, OutputRefused, Redactions, read_json
from sild.ai_gateway.parts import Parts
from sild.ai_gateway.profiles import profile_refusal
from sild.ai_gateway.providers import Ended, Prompt, ProviderFailed
from sild.ai_gateway.second_lock import Canaries
from sild.ai_gateway.store import ALL_ABROAD, Alarm, Attempt, Call, GatewayKey, Outcome
from sild.ai_gateway.templates import Template
from sild.telemetry import get_logger

__all__ = ["Completed", "Gateway"]

log = get_logger("ai_gateway")

_PAUSE_SECONDS = 0.2  # before the same provider is asked once more
_LONGEST_PAUSE = 2.0  # whatever it asks for: the next provider may be free
_ALERTS = frozenset({"canary", "control_tokens", "orders_in_data"})


@dataclass(frozen=True, slots=True)
class Completed:
    """The end of an answer. `record` is the call as DECISIONS 1, row 7 wants it, and the counts."""

    record: dict[str, object]  # JSON
    finish_reason: str
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A call that may go out."""

    key: GatewayKey
    call: Call
    template: Template
    verdict: Verdict
    prompt: Prompt
    redactions: Redactions
    canaries: Canaries
    listening: Listening


class Gateway:
    """parts: everything it needs; see `open_parts`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._keys = KeyBook(parts.store, parts.algorithms, parts.templates, parts.clock)
        self._ears = Ears(parts.store, parts.lock.canaries.values)

    @property
    def parts(self) -> Parts:
        return self._parts

    @property
    def keys(self) -> KeyBook:
        return self._keys

    async def run(self) -> None:
        """Watch the switches until cancelled."""
        await self._parts.switches.run()

    async def close(self) -> None:
        for provider in self._parts.providers:
            await provider.model.close()
        if self._parts.tracing is not None:
            await asyncio.to_thread(self._parts.tracing.close)
        await asyncio.to_thread(self._parts.store.close)

    async def answer(
        self, key: str, question: Question, *, whole: bool
    ) -> AsyncGenerator[str | Completed, None]:
        """Texts of the answer, then `Completed`.

        whole: give the text in one piece; only then another provider can be asked when the first breaks off.
        Raises KeyRefused, CallerError, PromptRefused, BudgetSpent, NoModel, ProviderFailed, OutputRefused, Unavailable.
        """
        prepared = await self._prepare(key, question)
        whole = whole or prepared.template.output.json_schema is not None
        status = "abandoned"
        output = hashlib.sha256()
        began = time.monotonic()
        done: Completed | None = None
        try:
            async with aclosing(self._first_answer(prepared, whole=whole)) as answer:
                async for each in answer:
                    if isinstance(each, str):
                        output.update(each.encode())
                    else:
                        each.record["output_sha256"] = output.hexdigest()
                        status, done = "ok", each
                        break
                    yield each
        except (ProviderFailed, OutputRefused) as error:
            status = error.why
            log.refusal("call.failed", error, call=prepared.call.id, template=prepared.template.name)
            raise
        except NoModel:
            status = "no_model"
            raise
        except KeyRefused:
            status = "key_refused"
            raise
        finally:
            closing = Outcome(
                call=prepared.call.id,
                number=0,
                at=self._parts.clock(),
                status=status,
                reported_version=None,
                input_tokens=0,
                output_tokens=0,
                milliseconds=_milliseconds(began),
                output_sha256=output.hexdigest() if status == "ok" else None,
                links_removed=0,
            )
            await asyncio.shield(asyncio.to_thread(self._parts.store.close_attempt, closing))
        assert done is not None
        yield done

    # (1)-(4)

    async def _prepare(self, key_text: str, question: Question) -> _Prepared:
        parts = self._parts
        key, listening = await asyncio.to_thread(self._open, key_text)
        template = parts.templates.find(question.template)
        self._keys.ensure_allowed(key, template.id)
        lock = replace(parts.lock, canaries=listening.canaries)
        verdict = await asyncio.to_thread(judge, template, question, parts.settings.routes, lock)
        redactions, canaries, prompt = self._render(template, verdict, question, listening)
        reserved = sum(len(text) for _role, text in prompt.messages) // 3 + prompt.most_tokens
        call = Call(
            id=str(uuid4()),
            at=parts.clock(),
            key=key.id,
            purpose=key.purpose,
            algorithm=key.algorithm,
            template=template.id,
            template_version=template.version,
            template_sha256=template.sha256,
            classes=verdict.classes,
            hits=verdict.hits,
            redactions=len(redactions),
            verdict=verdict.name,
            reason=verdict.reason,
            reserved_tokens=reserved,
        )
        call = self._could_be_asked(call, verdict)
        self._count(call)
        heard = listening.heard_class(" ".join(verdict.values.values())) if "canary" in call.hits else None
        alarm = None if heard is None else self._alarm(call, "request", heard)
        await asyncio.to_thread(parts.store.open_call, call, key, alarm)
        self._ensure_allowed(call, key)
        return _Prepared(key, call, template, verdict, prompt, redactions, canaries, listening)

    def _open(self, key_text: str) -> tuple[GatewayKey, Listening]:
        return self._keys.open(key_text), self._ears.listening()

    def _alarm(self, call: Call, stage: str, data_class: str, provider: str | None = None) -> Alarm:
        """For an official, and with the switch that the settings have it trip."""
        trips = stage in self._parts.settings.canary_trips
        return Alarm(
            id=str(uuid4()),
            at=self._parts.clock(),
            call=call.id,
            stage=stage,
            data_class=data_class,
            algorithm=call.algorithm,
            purpose=call.purpose,
            template=call.template,
            provider=provider,
            switched_off=(provider or ALL_ABROAD) if trips else None,
        )

    def _could_be_asked(self, call: Call, verdict: Verdict) -> Call:
        """`call`, refused when only the second lock keeps it from the providers there are: never masked, never let through."""
        places = {provider.settings.place for provider in self._parts.providers}
        if call.reason == "second_lock" and places and not places & verdict.places:
            return replace(call, verdict="refused")
        return call

    def _ensure_allowed(self, call: Call, key: GatewayKey) -> None:
        if call.verdict != "refused":
            return
        why = call.reason or "class"
        log.warning(
            "call.refused",
            call=call.id,
            template=call.template,
            key=key.id,
            why=why,
            hits=", ".join(call.hits),
        )
        raise PromptRefused(_refusal(why, call.hits), why=why)

    def _count(self, call: Call) -> None:
        measures = self._parts.measures
        measures.calls.labels(call.verdict, call.reason or "").inc()
        for kind in _ALERTS.intersection(call.hits):
            measures.alerts.labels(kind).inc()
            log.error("alert.input", kind=kind, call=call.id, template=call.template, purpose=call.purpose)

    def _render(
        self, template: Template, verdict: Verdict, question: Question, listening: Listening
    ) -> tuple[Redactions, Canaries, Prompt]:
        """The prompt, with a mark of its own that no answer may hold."""
        redactions = Redactions(secrets.token_hex(3))
        values = {
            name: redactions.hide(value) if name in verdict.hidden else value
            for name, value in verdict.values.items()
        }
        mark = f"mark{secrets.token_hex(6)}"
        messages = list(template.render(values, fence=secrets.token_hex(4)))
        first = next((at for at, (role, _text) in enumerate(messages) if role == "system"), None)
        planted = listening.canaries.values
        if first is not None:
            messages[first] = ("system", f"{messages[first][1].rstrip()}\n({mark}: never write this mark.)")
            planted |= {mark}
        prompt = Prompt(
            messages=tuple(messages),
            most_tokens=min(template.output.most_tokens, question.most_tokens or template.output.most_tokens),
            temperature=template.parameters.temperature,
            seed=template.parameters.seed,
            json_schema=template.output.json_schema,
        )
        return redactions, Canaries(planted), prompt

    # (5)

    async def _first_answer(
        self, prepared: _Prepared, *, whole: bool
    ) -> AsyncGenerator[str | Completed, None]:
        """Of the first provider that gives one. Raises what the last one failed with, NoModel when none could be asked."""
        ends = time.monotonic() + self._parts.settings.seconds_in_all
        last: ProviderFailed | OutputRefused | None = None
        number = 0
        for provider in self._candidates(prepared.verdict):
            for again in (False, True):
                left = ends - time.monotonic()
                await self._parts.switches.look()
                await asyncio.to_thread(self._keys.ensure_holds, prepared.key)
                if left <= 0 or not self._may_be_asked(provider, prepared.verdict):
                    break
                number += 1
                shown = False
                attempt = self._attempt(prepared, number, provider, whole=whole, seconds=left)
                try:
                    async with aclosing(attempt):
                        async for each in attempt:
                            shown = True
                            yield each
                    return
                except (ProviderFailed, OutputRefused) as error:
                    last = error
                    if (
                        shown or error.why == "canary"
                    ):  # what was said cannot be taken back; a leak is not tried again
                        raise
                    if again or not isinstance(error, ProviderFailed) or not error.may_be_asked_again:
                        break
                    await asyncio.sleep(min(error.retry_after or _PAUSE_SECONDS, _LONGEST_PAUSE))
        raise last or NoModel(_no_model(prepared.verdict))

    def _candidates(self, verdict: Verdict) -> Iterator[Provider]:
        """Those abroad in the order of the settings, then those here: they also take over."""
        for place in ("abroad", "local"):
            if place in verdict.places:
                yield from (each for each in self._parts.providers if each.settings.place == place)

    def _may_be_asked(self, provider: Provider, verdict: Verdict) -> bool:
        settings, at = provider.settings, self._parts.clock()
        refusal = profile_refusal(settings, verdict.countries, today=at.date())
        if refusal is not None:
            log.warning("provider.refused", provider=provider.name, why=refusal)
            return False
        return not self._parts.switches.is_off(provider.name, settings.place) and provider.breaker.may_pass(
            at
        )

    async def _attempt(
        self, prepared: _Prepared, number: int, provider: Provider, *, whole: bool, seconds: float
    ) -> AsyncGenerator[str | Completed, None]:
        """One asking with its two rows of the ledger. Raises ProviderFailed, OutputRefused."""
        settings = provider.settings
        parameters = provider.model.parameters(prepared.prompt)
        attempt = Attempt(
            call=prepared.call.id,
            number=number,
            at=self._parts.clock(),
            provider=provider.name,
            kind=settings.kind,
            place=settings.place,
            region=settings.region,
            contract=settings.profile.contract if settings.profile else None,
            model=settings.model if settings.kind != "llama" else settings.model.rpartition("/")[2],
            parameters=parameters,
        )
        await asyncio.to_thread(self._parts.store.open_attempt, attempt)
        looking = _Looking(prepared, whole=whole)
        began, epoch, status = time.monotonic(), time.time_ns(), "abandoned"
        ended: Ended | None = None
        alarm: Alarm | None = None
        try:
            await self._parts.switches.look()  # one may have been thrown while the row was written
            bound = min(seconds, settings.seconds)
            async with aclosing(
                ask(provider, prepared.prompt, self._parts.switches, seconds=bound)
            ) as answer:
                async for each in answer:
                    if isinstance(each, Ended):
                        ended = each
                        break
                    if text := looking.feed(each):
                        yield text
            if text := looking.finish():
                yield text
            status = "ok"
        except (ProviderFailed, OutputRefused) as error:
            status = error.why
            if status == "canary":
                self._parts.measures.alerts.labels("canary_in_output").inc()
                log.error("alert.output", kind="canary", call=attempt.call, provider=provider.name)
                heard = prepared.listening.heard_class(looking.raw)
                if heard is not None:  # and not the prompt's own mark
                    alarm = self._alarm(prepared.call, "answer", heard, provider.name)
            raise
        finally:
            outcome = Outcome(
                call=attempt.call,
                number=number,
                at=self._parts.clock(),
                status=status,
                reported_version=ended.reported_version if ended else None,
                input_tokens=ended.input_tokens if ended else 0,
                output_tokens=ended.output_tokens if ended else 0,
                milliseconds=_milliseconds(began),
                output_sha256=looking.sha256 if status == "ok" else None,
                links_removed=looking.links_removed,
            )
            self._measure(provider, outcome, epoch)
            await asyncio.shield(asyncio.to_thread(self._parts.store.close_attempt, outcome, alarm))
        assert ended is not None
        yield Completed(
            record=_record(prepared, attempt, outcome),
            finish_reason=ended.finish_reason,
            input_tokens=ended.input_tokens,
            output_tokens=ended.output_tokens,
        )

    # (7)

    def _measure(self, provider: Provider, outcome: Outcome, epoch: int) -> None:
        name, parts = provider.name, self._parts
        if outcome.status == "ok":
            provider.breaker.succeeded()
        elif outcome.status not in ("killed", "abandoned"):
            provider.breaker.failed(parts.clock())
        parts.measures.attempts.labels(name, provider.settings.place, outcome.status).inc()
        parts.measures.seconds.labels(name).observe(outcome.milliseconds / 1000)
        parts.measures.tokens.labels(name, "in").inc(outcome.input_tokens)
        parts.measures.tokens.labels(name, "out").inc(outcome.output_tokens)
        if parts.tracing is not None:
            parts.tracing.record(
                kind=provider.settings.kind,
                model=provider.settings.model,
                began=epoch,
                ended=epoch + outcome.milliseconds * 1_000_000,
                status=outcome.status,
                values={
                    "gen_ai.response.model": outcome.reported_version or "unknown",
                    "gen_ai.usage.input_tokens": outcome.input_tokens,
                    "gen_ai.usage.output_tokens": outcome.output_tokens,
                    "sild.ai.call": outcome.call,
                },
            )


class _Looking:
    """What a model says, on its way through the guard (6). whole: nothing is let through before the end."""

    def __init__(self, prepared: _Prepared, *, whole: bool) -> None:
        self._prepared = prepared
        self._whole = whole
        output = prepared.template.output
        self._schema = output.json_schema
        self._guard = OutputGuard(prepared.canaries, links=output.links)
        self._kept = ""
        self._sha256 = hashlib.sha256()

    @property
    def links_removed(self) -> int:
        return self._guard.links_removed

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def raw(self) -> str:
        """What the model said, none of which anybody has."""
        return self._guard.raw

    def feed(self, piece: str) -> str:
        text = self._guard.feed(piece)
        if self._whole:
            self._kept += text
            return ""
        return self._give(self._prepared.redactions.put_back(text))

    def finish(self) -> str:
        text = self._kept + self._guard.finish()
        if self._schema is None:
            return self._give(self._prepared.redactions.put_back(text))
        value = self._guard.strip_json(read_json(self._guard.raw, self._schema))
        value = self._prepared.redactions.put_back_json(value)
        return self._give(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")))

    def _give(self, text: str) -> str:
        self._sha256.update(text.encode())
        return text


def _record(prepared: _Prepared, attempt: Attempt, outcome: Outcome) -> dict[str, object]:
    """JSON; numbers that are no integers as text, as decision records want them."""
    schema = prepared.template.output.json_schema
    form = None if schema is None else hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()
    parameters = {
        name: value if isinstance(value, int) else str(value)
        for name, value in attempt.parameters.items()
        if name != "seed"
    }
    return {
        "call_id": attempt.call,
        "purpose": prepared.call.purpose,
        "provider": attempt.provider,
        "location": attempt.region,
        "model": attempt.model,
        "reported_version": outcome.reported_version,
        "parameters": parameters,
        "seed": attempt.parameters.get("seed"),
        "template_id": prepared.template.name,
        "template_sha256": prepared.template.sha256,
        "input_classes": list(prepared.call.classes),
        "redactions": prepared.call.redactions,
        "output_sha256": outcome.output_sha256,
        "schema": form,
        "validation": "valid" if form else "looked_through",
        "hits": list(prepared.call.hits),
        "links_removed": outcome.links_removed,
        "input_tokens": outcome.input_tokens,
        "output_tokens": outcome.output_tokens,
        "milliseconds": outcome.milliseconds,
    }


def _refusal(why: str, hits: tuple[str, ...]) -> str:
    if why == "canary":
        return "the values hold a mark planted where no prompt may come from; nothing was sent and people were told"
    if why == "control_tokens":
        return "the values hold marks by which models tell who speaks; nothing was sent"
    if why == "second_lock":
        return f"the values look like data of people ({', '.join(hits)}), and there is no local model; nothing was sent"
    return "data of this class go to no model; nothing was sent"


def _no_model(verdict: Verdict) -> str:
    if "abroad" in verdict.places:
        return "there is no model that may be asked now"
    return "this may go to a local model alone, and there is none that can be asked now"


def _milliseconds(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
