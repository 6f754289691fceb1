"""Any sequence of requests and decisions about one client or certificate ends where a small model says (WIRE 16)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

import pytest
from central_world import INSTANCE, OTHER, SERVER
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.central_server import CentralServer, RequestStatus
from sild.errors import CallerError
from sild.pki import certificate_hash
from sild.xroad.identifiers import ClientId
from sild.xroad.management import AddressChange, ClientDeletion, ClientRegistration

Step = Literal["server asks", "registrar asks", "approve", "decline", "server deletes", "registrar removes"]
numbers = count()


@dataclass
class Model:
    """What must be true of one client on one server."""

    registered: bool = False
    pending: set[str] = field(default_factory=set)
    declined: bool = False
    last: RequestStatus | None = None

    def step(self, step: Step) -> str | None:
        """The refusal's code, or None when it goes through."""
        if step in ("server asks", "registrar asks"):
            return self._asks(step.split()[0])
        if step in ("approve", "decline"):
            return self._decides(step)
        if step == "server deletes":
            return self._deletes()
        if not self.registered:
            return "management_request_client_registration_not_found"
        self.registered = False
        return None

    def _asks(self, who: str) -> str | None:
        if self.registered:
            return "management_request_client_already_registered"
        if who in self.pending or len(self.pending) == 2:
            return "management_request_exists"
        complements = bool(self.pending)
        self.pending.add(who)
        self.last = "SUBMITTED FOR APPROVAL" if complements else "WAITING"
        if complements and who == "server":
            self._approved()
        return None

    def _approved(self) -> None:
        self.registered, self.pending, self.last = True, set(), "APPROVED"

    def _decides(self, step: str) -> str | None:
        if not self.pending:
            return f"management_request_invalid_state{'_for_approval' if step == 'approve' else ''}"
        if step == "approve":
            self._approved()
        else:
            self.last = "REVOKED" if self.pending == {"registrar"} else "DECLINED"
            self.declined |= self.last == "DECLINED"
            self.pending = set()
        return None

    def _deletes(self) -> str | None:
        if self.registered:
            self.registered = False
        elif len(self.pending) == 1:
            self.pending, self.last = set(), "REVOKED"
        elif not self.declined:
            return "management_request_client_registration_not_found"
        return None


def act(server: CentralServer, client: ClientId, step: Step, last: int) -> int:
    """The number of the newest registration request."""
    if step == "server asks":
        return server.submit_management_request(ClientRegistration(SERVER, client)).id
    if step == "registrar asks":
        return server.submit_management_request(ClientRegistration(SERVER, client), origin="CENTER").id
    if step == "approve":
        server.approve_management_request(last)
    elif step == "decline":
        server.decline_management_request(last)
    elif step == "server deletes":
        server.submit_management_request(ClientDeletion(SERVER, client))
    else:
        server.unregister_client(SERVER, client)
    return last


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            ["server asks", "registrar asks", "approve", "decline", "server deletes", "registrar removes"]
        ),
        max_size=12,
    )
)
def test_every_sequence_ends_in_a_known_state(module_server: CentralServer, steps: list[Step]) -> None:
    client = ClientId(INSTANCE, OTHER.member_class, OTHER.member_code, f"Sub{next(numbers)}")
    model, last = Model(), 0
    for step in steps:
        if last == 0 and step in ("approve", "decline"):
            continue
        expected = model.step(step)
        try:
            last = act(module_server, client, step, last)
            assert expected is None
        except CallerError as error:
            assert error.code == expected
        registered = client in {found.client.id for found in module_server.clients(SERVER)}
        assert registered == model.registered
        if last:
            assert module_server.management_request(last).status == model.last


def test_the_same_message_from_many_sides_at_once(either_server: CentralServer) -> None:
    digest = certificate_hash(b"a message")

    def submit(_: int) -> str:
        try:
            request = AddressChange(SERVER, "new.example.org")
            return either_server.submit_management_request(request, message_digest=digest).status
        except CallerError as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        results = sorted(pool.map(submit, range(6)))
    assert results == ["APPROVED", *["management_request_exists"] * 5]


def test_a_request_that_is_not_there(module_server: CentralServer) -> None:
    for action in (
        module_server.approve_management_request,
        module_server.decline_management_request,
        module_server.management_request,
    ):
        with pytest.raises(CallerError) as error:
            action(10**6)
        assert error.value.code == "management_request_not_found"
