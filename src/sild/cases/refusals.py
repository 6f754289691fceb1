"""What a person is told instead of what they asked for."""

from __future__ import annotations

from collections.abc import Sequence

from sild.catalogue import Defect
from sild.errors import CallerError

__all__ = ["UNPROVEN", "Refused"]


UNPROVEN = ("acting_not_proven", "acting_expired", "level_too_low")
"""A register's codes: whose word it is was not proved to it, or too long ago. The person is told to say it again."""


class Refused(CallerError):
    """Nothing was done. defects: all of them at once, with code `defects`; else empty.

    Codes: `defects`, `not_yours` (also for a case that does not exist: the same words), `already_done`, `too_late`,
    `mandate_ended`, `level_too_low`, `read_only_device`, `case_closed`, `conflict_of_interest`,
    `second_return_needs_supervisor`, `no_live_case`, `register_down` (with `register`), `key_reused`.
    """

    def __init__(
        self, message: str, *, code: str, defects: Sequence[Defect] = (), register: str = ""
    ) -> None:
        super().__init__(message, code=code, register=register)
        self.defects = tuple(defects)
        self.register = register
