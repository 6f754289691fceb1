"""Ask for a person, keep the evidence, and prove later what was answered, to whom and when.

    sild demo
    python examples/evidence_of_an_answer.py .sild/nation.json evidence/

Leaves request and answer as signed and time-stamped containers in the directory; `sild verify` judges them too.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from sild.adapter import (
    AsyncXRoadClient,
    CallContext,
    ClientId,
    Evidence,
    EvidenceHandle,
    ServiceId,
    TrustError,
)
from sild.configuration_client import load_globalconf


async def ask(nation: dict[str, Any]) -> Evidence:
    """The call, and its evidence from our own security server."""
    provider, _, service_code = nation["services"][0]["id"].rpartition(":")
    persons = ServiceId(ClientId.parse(provider), service_code)
    we = ClientId.decode(nation["example"]["client"])
    security_server = nation["security_servers"][1]["addresses"]["client_http"]
    code = nation["test_people"][0]["code"]
    context = CallContext(user_id="EE38001085718", issue="case 17", legal_ground="Health Insurance Act § 11")
    async with AsyncXRoadClient(security_server, we, context=context) as xroad:
        answer = (await xroad.get(persons, ["persons", code])).ensure_success()
        # A few plain values: keep them in the row that the answer led to.
        kept = answer.evidence_handle().to_json()
        # Any time later. A server time-stamps every minute or so; this one is asked to do it now.
        return await xroad.evidence(EvidenceHandle.from_json(kept), stamp_now=True)


def main() -> None:
    nation, directory = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    evidence = asyncio.run(ask(nation))
    # Whose word is taken for who is who: here the configuration of the register's security server.
    globalconf = load_globalconf(Path(nation["security_servers"][0]["configuration_directory"]))
    try:
        verified = evidence.verify(globalconf)
    except TrustError as error:
        sys.exit(f"no evidence of this answer: {error}")
    directory.mkdir(parents=True, exist_ok=True)
    request, response = evidence.save(directory)
    who = f"{verified.request.signer} asked, {verified.response.signer} answered"
    print(f"{who}, before {verified.proven_at}", request, response, sep="\n")


if __name__ == "__main__":
    main()
