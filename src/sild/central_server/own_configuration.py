"""The global configuration as the database has it now: what management requests are judged by, published or not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from sild.central_server.administration import Administration
from sild.central_server.state import InstanceState, read_revision, read_state
from sild.xroad.globalconf import NEXTUPDATE, GlobalConf, parse_next_update

__all__ = ["OwnConfiguration"]

_ALWAYS = datetime.max.replace(tzinfo=UTC)
"""The source does not go stale."""


class OwnConfiguration(Administration):
    _configuration_lock: threading.Lock
    _configuration: tuple[int, GlobalConf] | None = None

    def global_configuration(self) -> GlobalConf:
        """Built anew when the revision has moved.

        Raises CallerError (`management_service_provider_not_set`, `no_configuration_signing_keys_configured`): one that could not be
        published either.
        """
        with self._configuration_lock, self._snapshot() as connection:
            held = self._configuration
            if held is not None and held[0] == read_revision(connection):
                return held[1]
            state = read_state(connection)
            found = _globalconf(state, held[1] if held is not None else None)
            self._configuration = (state.signing.revision, found)
        return found


def _globalconf(state: InstanceState, previous: GlobalConf | None) -> GlobalConf:
    instance = state.signing.instance_identifier
    next_update = next((data for identifier, _, data in state.parts if identifier == NEXTUPDATE), None)
    return GlobalConf(
        instance,
        {instance: (state.shared, _ALWAYS)},
        private=state.private,
        check_ocsp_next_update=next_update is None or parse_next_update(next_update),
        previous=previous,
    )
