"""The act of a registered birth goes to the archive: sealed in the transaction of the registration, sent by a task until it is taken.

The package is written down before it is sent, so that whatever is sent again is the same bytes. The decision's evidence is in the
package once a head of the log covers it; a register whose log has no heads sends it without after a while.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import insert, select, update

from sild.decisions import bundle_of, render_bundle
from sild.documents import (
    Described,
    Happened,
    Sealer,
    act_package,
    canonical_json,
    parse_statement,
    seal_statement,
    verify_statement,
)
from sild.errors import PeerError, TrustError, Unavailable
from sild.registries.deciding import Deciding
from sild.registries.exchange import Ask, Because
from sild.registries.kernel import Kernel, Use
from sild.registries.population.persons import read_persons
from sild.registries.population.records import Birth, Person
from sild.registries.population.tables import archived_acts
from sild.registries.profiles import profile
from sild.registries.tasks import Handler, Task, Tasks

__all__ = ["KIND", "Archiving"]

KIND = "birth-registration"
TASK = "archive_act"
TAR = "application/x-tar"
WITHOUT_A_HEAD = 10
"""Attempts, a quarter of an hour in all."""


class Archiving:
    """seal: of acts, the register's own."""

    def __init__(self, kernel: Kernel, tasks: Tasks, deciding: Deciding, seal: Sealer) -> None:
        self._kernel = kernel
        self._tasks = tasks
        self._deciding = deciding
        self._seal = seal

    def keep(self, use: Use, birth: Birth, *, operation: str = "registerBirth") -> None:
        """In the transaction of the registration, or of what was decided in its place. operation: of the message."""
        act = _act(use, birth, self._kernel.system.strip("/"), operation)
        seal = seal_statement(canonical_json(act), self._seal)
        cause = birth.decision or use.usage.message_id
        self._tasks.add(use, TASK, birth.child.code, cause=cause, about={"act": act, "seal": seal.decode()})

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        async def archive(task: Task) -> Callable[[Use], None]:
            package_id, content = self._written(task)
            country = task.about["act"]["country"]
            because = Because(
                profile(country).kept[KIND].basis, task.issue, key=f"{TASK}/{task.subject}/{task.cause}"
            )
            told = await ask.send("archive", ["packages"], content, because=because, content_type=TAR)
            receipt, seal = self._receipt(told.body, package_id, content)
            return lambda use: _taken(use, package_id, receipt, seal)

        return {TASK: archive}

    def _receipt(self, body: Any, package_id: str, content: bytes) -> tuple[str, str]:
        """The archive's word, and its seal: of this package, and none other. Whoever certified our seal certified theirs.

        Raises PeerError, TrustError.
        """
        try:
            receipt, seal = str(body["receipt"]), str(body["seal"])
        except (KeyError, TypeError):
            raise PeerError("not a receipt", code="bad_receipt") from None
        said = parse_statement(receipt.encode())
        archive = "/".join(str(said.get("archive")).split("/")[:3])
        authorities = self._seal.chain[1:]
        by = verify_statement(receipt.encode(), seal.encode(), authorities, body=archive, at=self._kernel.now)
        if authorities and not by.trusted:
            raise TrustError("the certificate of the receipt's seal has ended", code="bad_seal")
        if (said.get("package"), said.get("sha256")) != (package_id, hashlib.sha256(content).hexdigest()):
            raise TrustError("a receipt of another package", code="bad_receipt")
        return receipt, seal

    def _written(self, task: Task) -> tuple[str, bytes]:
        """The package, made once. Raises Unavailable (`no_head_yet`)."""
        act = task.about["act"]
        package_id = (
            f"uuid-{uuid5(NAMESPACE_URL, f'urn:sild:act:{self._kernel.system}:{task.subject}:{task.cause}')}"
        )
        kept = archived_acts.c
        with self._kernel.engine.begin() as connection:
            content = connection.scalar(select(kept.content).where(kept.package == package_id))
            if content is not None:
                return package_id, bytes(content)
            bundle = None
            if act["decision"] is not None:
                found = bundle_of(self._deciding.store, connection, act["decision"], open_refs=None)
                if found["record"]["integrity"]["checkpoint"] is None and task.attempts < WITHOUT_A_HEAD:
                    raise Unavailable("no head of the log covers the decision yet", code="no_head_yet")
                bundle = render_bundle(found)
            content = self._package(package_id, act, task.about["seal"].encode(), bundle)
            row = {"package": package_id, "child": task.subject, "content": content}
            connection.execute(insert(archived_acts).values(**row, made_at=self._kernel.now))
        return package_id, content

    def _package(self, package_id: str, act: Mapping[str, Any], seal: bytes, bundle: bytes | None) -> bytes:
        registered = datetime.fromisoformat(act["registered_at"])
        member = "/".join(act["register"].split("/")[:3])
        about = Described(
            id=package_id,
            kind=KIND,
            label=f"Registration of a birth, {registered.astimezone(self._kernel.zone).date().isoformat()}",
            created_at=registered,
            submitter=member,
            archive=f"{act['register'].split('/')[0]} archive",
        )
        messages = ", ".join(f"{one['operation']} {one['id']}" for one in act["messages"])
        events = [
            Happened("creation", registered, f"entered by message {messages}; decision {act['decision']}"),
            Happened("digital signature generation", registered, f"sealed by {member}"),
        ]
        return act_package(about, act, seal, bundle, events)


def _act(use: Use, birth: Birth, register: str, operation: str) -> dict[str, Any]:
    child = birth.child
    roles = [(role, code) for role, code in (("mother", child.mother), ("father", child.father)) if code]
    known = {one.code: one for one in read_persons(use, [code for _, code in roles])}
    return {
        "kind": KIND,
        "country": child.country,
        "register": register,
        "case": use.usage.issue,
        "decision": birth.decision,
        "registered_at": birth.registered_at,
        "registered_by": use.usage.user_id,
        "basis": use.usage.basis,
        "messages": [{"operation": operation, "id": use.usage.message_id}],
        "child": {
            **_named(child),
            "born": child.born.isoformat(),
            "sex": child.sex,
            "birth_place": child.birth_place,
        },
        "parents": [{"role": role, **_named(known[code])} for role, code in roles if code in known],
        "persons": [child.code, *known],
    }


def _named(person: Person) -> dict[str, Any]:
    return {"code": person.code, "given_names": person.given_names, "family_name": person.family_name}


def _taken(use: Use, package_id: str, receipt: str, seal: str) -> None:
    """The archive has it now: we keep the receipt."""
    use.connection.execute(
        update(archived_acts)
        .where(archived_acts.c.package == package_id)
        .values(content=None, receipt=receipt, seal=seal, archived_at=use.at)
    )
