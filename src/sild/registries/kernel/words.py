"""What people other than who acts have said in the case, carried by the message of whoever acts on it: each word with its own proof.

An official registers a move; that an owner consented is not believed because the official's message says so. It brings the identity
provider's token of the moment in which the owner said it, made for this operation of this register in this case, and bound by a hash
to what exactly they said (`sild.openid.statement_hash`); what that was, the operation makes again of what it is asked to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anyio import from_thread
from pydantic import BaseModel, ConfigDict, Field

from sild.errors import CallerError, PlatformError
from sild.openid import ActingPerson
from sild.registries.kernel.proving import NO_PROVIDER, Proofs, ensure_word
from sild.registries.kernel.usage import Usage, code_of

__all__ = ["Heard", "Word", "Words"]

LONGEST_TOKEN = 32_768


class Word(BaseModel):
    model_config = ConfigDict(extra="forbid")

    says: str = Field(pattern="^[a-z_]{1,30}$", description="What kind of thing was said")
    salt: str = Field(pattern="^[0-9a-f]{32}$", description="Of the hash in the token")
    token: str = Field(max_length=LONGEST_TOKEN, description="The identity provider's, of when it was said")


@dataclass(frozen=True, slots=True)
class Heard:
    """A word and who said it, proved; or why it cannot be known. code: whose word it is, as registers write it."""

    word: Word
    person: ActingPerson | None
    refusal: PlatformError | None = None

    @property
    def code(self) -> str | None:
        return None if self.person is None else code_of(self.person.principal)


class Words:
    """Of one message. level: of log-in (acr), the least at which they may have been said."""

    def __init__(self, proofs: Proofs | None, usage: Usage, level: str) -> None:
        self._proofs = proofs
        self._usage = usage
        self._level = level

    def hear(self, sent: Sequence[Word], *operations: str) -> tuple[Heard, ...]:
        """From a worker thread: the provider's keys may have to be fetched. A refusal waits for the transaction that records it.

        operations: for one of which they were said.
        """
        return tuple(from_thread.run(self._heard, word, operations) for word in sent)

    async def _heard(self, word: Word, operations: Sequence[str]) -> Heard:
        try:
            if self._proofs is None:
                raise CallerError(NO_PROVIDER, code="acting_not_proven")
            person = await self._proofs.word(word.token, self._usage)
            said_for = next((one for one in operations if one in person.operations), operations[0])
            ensure_word(person, said_for, self._level)
        except PlatformError as refusal:
            return Heard(word, None, refusal)
        return Heard(word, person)
