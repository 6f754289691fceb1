"""Check a completeness statement of the portal's tracker without trusting the portal: standard library alone.

    python verify_completeness.py completeness.json keys.json [log-keys.json ...] [--log witness.jws] [--log message-ids.txt]

completeness.json: what "Download the signed statement" gave.  keys.json: the portal's /keys, fetched on another day or by
another person.  log-keys.json: keys of whoever keeps the message logs (`witness.jwks` of each, or "Download the keys" of the portal
for all), by which the witnesses in the statement are checked.  --log: what a message log says besides, as its keeper gave it by hand
(`sild message-log-witness`); or identifiers of messages, one a line, as somebody took them from a log. Both may be given again and again.

It says whether the signature holds (ES256), whether every entry is the one that was signed, whether none is missing or added,
whether shown + withheld = all for every register, whether a register has kept a use from its list (a request that lies in a log, is
about the person and is neither shown nor withheld), and whether it lists one that its own log does not have.
Ends with 0: all of it holds; 1: it does not; 2: cannot tell.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

# NIST P-256 (FIPS 186-5, SP 800-186 3.2.1.3)
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int] | None


def add(first: Point, second: Point) -> Point:
    if first is None or second is None:
        return first or second
    (x1, y1), (x2, y2) = first, second
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P) if first == second else (y2 - y1) * pow(x2 - x1, -1, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def multiply(factor: int, point: Point) -> Point:
    found: Point = None
    while factor:
        if factor & 1:
            found = add(found, point)
        point, factor = add(point, point), factor >> 1
    return found


def is_signed(message: bytes, signature: bytes, key: tuple[int, int]) -> bool:
    """ECDSA with SHA-256 (FIPS 186-5 6.4.2); signature: r and s, 32 bytes each (RFC 7518 3.4)."""
    x, y = key
    if not (0 <= x < P and 0 <= y < P) or (y * y - x * x * x + 3 * x - B) % P or len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if not (0 < r < N and 0 < s < N):
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(message).digest()), pow(s, -1, N)
    point = add(multiply(digest * inverse % N, G), multiply(r * inverse % N, key))
    return point is not None and point[0] % N == r


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed_payload(
    jws: str, keys: list[dict[str, str]], kind: str = "sild-completeness+jws"
) -> dict[str, Any]:
    """Raises ValueError: not signed with one of the keys."""
    header, payload, signature = jws.split(".")
    fields = json.loads(decode(header))
    if fields.get("alg") != "ES256" or fields.get("typ") != kind:
        raise ValueError("not a completeness statement" if "complete" in kind else "not a log's witness")
    for key in keys:
        if key.get("kid") == fields.get("kid") and key.get("crv") == "P-256":
            point = int.from_bytes(decode(key["x"])), int.from_bytes(decode(key["y"]))
            if is_signed(f"{header}.{payload}".encode(), decode(signature), point):
                said: dict[str, Any] = json.loads(decode(payload))
                return said
    raise ValueError("the signature does not fit any of the keys")


def faults(statement: dict[str, Any], keys: list[dict[str, str]], log: set[str] | None) -> list[str]:
    """Every reason why it does not hold."""
    try:
        payload = signed_payload(statement["signature"], keys)
    except (ValueError, KeyError, TypeError) as error:
        return [f"signature: {error}"]
    found = []
    if canonical(statement["payload"]) != canonical(payload):
        found.append("payload: not what was signed")
    digests = [hashlib.sha256(canonical(entry)).hexdigest() for entry in statement["entries"]]
    if digests != payload["entries_sha256"]:
        missing = len(set(payload["entries_sha256"]) - set(digests))
        added = len(set(digests) - set(payload["entries_sha256"]))
        found.append(f"entries: {missing} that were signed are missing or altered, {added} were not signed")
    for register, count in payload["registers"].items():
        shown = sum(entry["register"] == register for entry in statement["entries"])
        if shown != count["shown"] or shown + count["withheld"] != count["total"]:
            found.append(f"{register}: {shown} shown + {count['withheld']} withheld is not {count['total']}")
    found += [f"{register}: did not answer" for register in payload["not_answered"]]
    if not payload["complete"] and not found and not payload.get("witnesses"):
        found.append("the portal itself says that it is not complete")
    if log is not None:
        unlisted = log - {entry["message_id"] for entry in statement["entries"]}
        withheld = sum(count["withheld"] for count in payload["registers"].values())
        if len(unlisted) > withheld:
            found.append(
                f"message log: {len(unlisted)} messages are not shown, {withheld} are said to be withheld"
            )
    return found


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def opened(witness: str, keepers: list[dict[str, Any]]) -> dict[str, Any]:
    """What a log's keeper said. keepers: `{"log", "keys"}`: a key speaks for the log that it is of alone. Raises ValueError."""
    said: dict[str, Any] = json.loads(decode(witness.split(".")[1]))
    keys = [key for one in keepers if one.get("log", said["log"]) == said["log"] for key in one["keys"]]
    return signed_payload(witness, keys, "sild-log-witness+jws")


def witnessed(statement: dict[str, Any], witness: str, keepers: list[dict[str, Any]]) -> list[str]:
    """What a log's witness says against the statement. Raises ValueError: it cannot say anything about it."""
    said = opened(witness, keepers)
    payload = statement["payload"]
    if said["person"] != payload["person"]:
        raise ValueError("the witness is about somebody else")
    until = datetime.fromisoformat(said["until"]).replace(microsecond=0)  # a statement names its second
    if until > datetime.fromisoformat(payload["made_at"]):
        raise ValueError("the witness tells of messages later than the statement: ask for a newer statement")
    return [*hidden(statement, [said]), *lacking(statement, said)]


def registers_of(payload: dict[str, Any]) -> dict[str, str]:
    """Address, `GOV/70000002/population`, to the name in the statement."""
    named = {name: payload.get("addresses", {}).get(name, name) for name in payload["registers"]}
    return {address: name for name, address in named.items()}


def hidden(statement: dict[str, Any], witnesses: list[dict[str, Any]]) -> list[str]:
    """Requests about the person that lie in logs and no register lists. A register that is silent lists what it told others: then nobody can say."""
    payload = statement["payload"]
    if payload["not_answered"]:
        return []
    shown = {sha256(entry["message_id"]) for entry in statement["entries"]}
    names = registers_of(payload)
    names |= {address.rpartition("/")[2]: name for address, name in names.items()}
    found = []
    about: dict[str, set[str]] = {}
    for said in witnesses:
        for register, ids in said["registers"].items():
            about.setdefault(register, set()).update(ids)
    logs = ", ".join(said["log"] for said in witnesses)
    for register, ids in about.items():
        missing = ids - shown
        name = names.get(register) or names.get(register.rpartition("/")[2])
        withheld = payload["registers"][name]["withheld"] if name is not None else 0
        if len(missing) <= withheld:
            continue
        if name is None and payload.get("witnesses"):
            print(
                f"note: {register} keeps no list here; the logs have {len(missing)} requests about the person to it"
            )
            continue
        found.append(
            f"{register}: {len(missing)} of {len(ids)} messages in the log of {logs} are not shown, {withheld} are said to be withheld"
        )
    return found


def lacking(statement: dict[str, Any], said: dict[str, Any]) -> list[str]:
    """What a register lists, and the log of its own security server has not, as far back as it keeps messages."""
    missing, kept_since = set(said.get("lacking", ())), said.get("kept_since")
    addresses = {name: address for address, name in registers_of(statement["payload"]).items()}
    found = []
    for entry in statement["entries"]:
        register = addresses.get(entry["register"], entry["register"])
        is_kept = kept_since is None or datetime.fromisoformat(entry["at"]) >= datetime.fromisoformat(
            kept_since
        )
        by_itself = register.endswith(f"/{entry['body'].rpartition('/')[2]}/{entry['system']}")
        if (
            register in said.get("hosts", ())
            and is_kept
            and not by_itself
            and sha256(entry["message_id"]) in missing
        ):
            found.append(
                f"{register}: lists the message {entry['message_id']}, which is not in the log of {said['log']}"
            )
    return found


def logs_agree(statement: dict[str, Any], keepers: list[dict[str, Any]]) -> list[str]:
    """What the witnesses in the statement say against it, and which could not be had. Raises ValueError: one is not its keeper's."""
    payload = statement["payload"]
    found, witnesses = [], []
    listed = "".join(
        f"{one}\n"
        for one in sorted({sha256(e["message_id"]) for e in statement["entries"] if e["message_id"]})
    )
    made_at = datetime.fromisoformat(payload["made_at"])
    asker = None
    for one in payload.get("witnesses", ()):
        if "witness" not in one:
            found.append(
                f"{one['keeper']}: the keeper of the message log could not be asked ({one['failed']})"
            )
            continue
        said = opened(one["witness"], keepers)
        until = datetime.fromisoformat(said["until"]).replace(microsecond=0)
        fits = {
            "somebody else": said["person"] == payload["person"],
            "another question": said.get("nonce") == payload["nonce"] and bool(payload["nonce"]),
            "other messages": said.get("listed_sha256") == sha256(listed),
            "another time": timedelta() <= made_at - until <= timedelta(minutes=10),
            "another asker": asker in (None, said.get("asker")),
        }
        asker = said.get("asker")
        wrong = [name for name, is_so in fits.items() if not is_so]
        if wrong:
            found.append(f"{one['keeper']}: the witness of {said['log']} is about {', '.join(wrong)}")
            continue
        witnesses.append(said)
        found += lacking(statement, said)
    if not payload.get("witnesses"):
        return found
    hosted = {host for said in witnesses for host in said["hosts"]}
    for address, name in registers_of(payload).items():
        if address not in hosted and name not in payload["not_answered"]:
            found.append(f"{name}: nobody says what the message log of its security server holds")
    for said in witnesses:
        for register, count in said["unread"].items():
            print(
                f"note: {said['log']}: {count} requests to {register} could not be read whole, about whomever they are"
            )
        if said["since"]:
            print(f"note: {said['log']}: whole since {said['since']}")
    return found + hidden(statement, witnesses)


def keepers_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Of one keeper, or of several."""
    found: list[dict[str, Any]] = document.get("keepers", [document])
    return found


def options(arguments: list[str], name: str) -> list[str]:
    """Values of an option, taken out of the arguments."""
    values = []
    while name in arguments:
        at = arguments.index(name)
        values.append(arguments[at + 1])
        del arguments[at : at + 2]
    return values


def main(arguments: list[str]) -> int:
    log: set[str] | None = None
    try:
        logs, log_keys = options(arguments, "--log"), options(arguments, "--log-keys")
        log_keys += arguments[2:]
        texts = [Path(name).read_text().strip() for name in logs]
        witnesses = [text for text in texts if text.startswith("eyJ") and text.count(".") == 2]
        for text in texts:
            if text not in witnesses:
                log = (log or set()) | set(text.split())
        statement, keys = (json.loads(Path(name).read_text()) for name in arguments[:2])
        if not isinstance(statement, dict):
            raise ValueError("not a statement")
        found = faults(statement, keys["keys"], log)
        keepers = [one for name in log_keys for one in keepers_of(json.loads(Path(name).read_text()))]
        found += logs_agree(statement, keepers)
        if not statement["payload"]["complete"] and not found:
            found.append("the portal itself says that it is not complete")
        for witness in witnesses:
            found += witnessed(statement, witness, keepers)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        print(f"cannot tell: {type(error).__name__}: {error}")
        return 2
    for fault in found:
        print(fault)
    if found:
        return 1
    payload = statement["payload"]
    total = sum(count["total"] for count in payload["registers"].values())
    logs_asked = len(payload.get("witnesses", ()))
    by = f"; {logs_asked} message logs agree" if logs_asked else ""
    print(
        f"holds: {len(statement['entries'])} shown + the withheld = {total}, of {payload['person']} at {payload['made_at']}{by}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
