"""Ask the population register about a person, as the insurance desk's information system would.

    sild demo
    python examples/call_a_service.py .sild/nation.json [IDENTITY_CODE]

nation.json stands in for a program's settings: the address of its own security server, its own identifier, the service's.
Exit status 0 with the person, 1 unknown, 2 refused, 3 try again later.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sild.adapter import (
    CallContext,
    ClientId,
    PlatformError,
    ServiceError,
    ServiceId,
    Unavailable,
    XRoadClient,
)


def main() -> int:
    nation = json.loads(Path(sys.argv[1]).read_text())
    code = sys.argv[2] if len(sys.argv) > 2 else nation["test_people"][0]["code"]
    provider, _, service_code = nation["services"][0]["id"].rpartition(":")
    persons = ServiceId(ClientId.parse(provider), service_code)
    we = ClientId.decode(nation["example"]["client"])
    security_server = nation["security_servers"][1]["addresses"]["client_http"]

    # Said with every call, signed with it, kept in both servers' logs.
    context = CallContext(
        user_id="EE38001085718", issue="application 2026/17", legal_ground="Health Insurance Act § 11"
    )
    with XRoadClient(security_server, we, context=context) as xroad:
        try:
            person = xroad.get(persons, ["persons", code]).ensure_success().json()
        except Unavailable as error:  # the exchange or the register; asked again already where that was safe
            print(f"not now: {error.message}", file=sys.stderr)
            return 3
        except ServiceError as error:  # the register itself
            print(f"the register says: {error.message}", file=sys.stderr)
            return 1
        except PlatformError as error:  # XRoadFault, or a refusal of this side
            print(f"{error.code_path}: {error.message}", file=sys.stderr)
            return 2
    print(f"{person['full_name']}, born {person['born']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
