"""Publishing services: once only is checked against what registers say they hold; the catalogue as CPSV-AP."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from sild.cases.actor import AUTOMATIC
from sild.cases.parts import Parts
from sild.cases.store import add_row
from sild.cases.tables import holdings, publications
from sild.catalogue import PublicService, ensure_concepts_known, ensure_once_only
from sild.errors import CallerError, PeerError, PlatformError
from sild.telemetry import get_logger

__all__ = ["Publication"]

log = get_logger("cases")


class Publication:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._written: tuple[tuple[str, ...], str] | None = None

    async def holdings(self, registers: Sequence[str]) -> Mapping[str, str]:
        """Which register holds a concept, from their own descriptions; of one that does not answer, from its last one.

        Raises Unavailable or PeerError naming a register that never said it.
        """
        known = await asyncio.to_thread(self._known)
        held: dict[str, str] = {}
        for name in registers:
            try:
                concepts = await self._described(name)
            except PlatformError as error:
                if name not in known:
                    raise
                log.refusal("cases.holdings_from_before", error, register=name)
                concepts = known[name]
            else:
                if concepts != known.get(name):
                    await asyncio.to_thread(self._keep, name, concepts)
            for concept in concepts:
                held.setdefault(concept, name)
        return held

    async def _described(self, register: str) -> list[str]:
        answer = await self._parts.calls.call(
            register, "GET", "/description", case=None, basis=None, acting=AUTOMATIC, role="state"
        )
        return _concepts(answer.json, register)

    def _known(self) -> Mapping[str, list[str]]:
        with self._parts.store.reading() as connection:
            return {row.register: row.concepts for row in connection.execute(select(holdings))}

    def _keep(self, register: str, concepts: list[str]) -> None:
        at = self._parts.clock()

        def write(connection: Connection) -> None:
            add_row(connection, holdings, {"register": register, "concepts": concepts, "at": at})
            of_it = update(holdings).where(holdings.c.register == register)
            connection.execute(of_it.values(concepts=concepts, at=at))

        self._parts.store.write(write)

    async def publish(self) -> None:
        """Let people open what passes.

        Raises CallerError (`once_only_breach`, `concept_not_held`, `unknown_concept`) for the first service, or register, that does not.
        """
        parts = self._parts
        found = await self.holdings(tuple(parts.calls.registers))
        breach: CallerError | None = None
        for service in parts.services.values():
            try:
                self._ensure_fit(service, found)
            except CallerError as error:
                breach = breach or error
                continue
            at = await asyncio.to_thread(
                parts.store.write, _published(service.id, self._digest(service), parts.clock())
            )
            parts.published[service.id] = at
        try:
            for register in sorted({*found.values()}):
                declared = (concept for concept, holder in found.items() if holder == register)
                ensure_concepts_known(register, declared, parts.concepts)
        except CallerError as error:
            breach = breach or error
        if breach is not None:
            raise breach

    def _ensure_fit(self, service: PublicService, holdings: Mapping[str, str]) -> None:
        for screen_id in service.screens:
            screen = self._parts.screens.get(screen_id)
            if screen is None:
                raise CallerError(f"{service.id} has no screen {screen_id}", code="unknown_screen")
            ensure_concepts_known(screen.id, screen.concepts(), self._parts.concepts)
            ensure_once_only(screen, holdings)
        fetched = (one.concept for one in service.evidence)
        ensure_concepts_known(service.id, fetched, self._parts.concepts)
        for evidence in service.evidence:
            if evidence.held_by is not None and holdings.get(evidence.concept) != evidence.held_by:
                raise CallerError(
                    f"{service.id}: {evidence.held_by} does not hold {evidence.concept}",
                    code="concept_not_held",
                )

    def _digest(self, service: PublicService) -> str:
        parts = [
            service.model_dump_json(),
            *(self._parts.screens[name].model_dump_json() for name in service.screens),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    async def keep_trying(self, pause: float) -> None:
        """Until everything is published: registers may start later than we do."""
        while True:
            try:
                await self.publish()
                return
            except PlatformError as error:
                log.refusal("cases.not_published", error)
            await asyncio.sleep(pause)

    def catalogue(self, base: str) -> str:
        """Turtle: CPSV-AP of what is published, written once for each state. base: URI of the catalogue, with `/` at its end."""
        from sild.catalogue.cpsv import services_graph  # rdflib takes its time
        from sild.oots.cccev import add_directory

        state = (base, *self._parts.published)
        if self._written is None or self._written[0] != state:
            published = [self._parts.services[name] for name in state[1:]]
            graph = services_graph(published, self._parts.profile, base)
            needed = {one.id: [need.requirement for need in one.needs] for one in published}
            add_directory(graph, self._parts.abroad.directory, base, needed)
            self._written = state, graph.serialize(format="turtle")
        return self._written[1]


def _concepts(description: object, register: str) -> list[str]:
    """`skos:notation` of every theme of the register's datasets (DCAT-AP, JSON-LD)."""
    try:
        graph = description["@graph"]  # type: ignore[index]  # of any shape: what fits not raises
        return [
            str(theme["skos:notation"])
            for node in graph
            if node.get("@type") == "dcat:Dataset"
            for theme in node["dcat:theme"]
        ]
    except (TypeError, KeyError, AttributeError):
        raise PeerError(f"{register} does not describe itself", code="invalid_body") from None


def _published(service: str, digest: str, at: datetime) -> Callable[[Connection], datetime]:
    """The first time it was published so stands."""

    def write(connection: Connection) -> datetime:
        add_row(connection, publications, {"service": service, "digest": digest, "at": at})
        query = select(publications.c.at).where(
            publications.c.service == service, publications.c.digest == digest
        )
        first: datetime = connection.execute(query).scalar_one()
        return first

    return write
