"""Key proofs and DPoP by the documents' own examples: read as they stand there, refused when a thing about them is other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sild.openid import OpenIDError, verify_dpop, verify_key_proof

# OpenID4VCI 1.0, F.1
KEY_PROOF = (
    "eyJ0eXAiOiJvcGVuaWQ0dmNpLXByb29mK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoiblVXQW9BdjNYWml0"
    "aDhFN2kxOU9kYXhPTFlGT3dNLVoyRXVNMDJUaXJUNCIsInkiOiJIc2tIVThCalVpMVU5WHFpN1N3bWo4Z3dBS18weGtjRGpFV183MVNvc0VZIn19.eyJhdWQiOiJo"
    "dHRwczovL2NyZWRlbnRpYWwtaXNzdWVyLmV4YW1wbGUuY29tIiwiaWF0IjoxNzAxOTYwNDQ0LCJub25jZSI6IkxhclJHU2JtVVBZdFJZTzZCUTR5bjgifQ.-a3EDs"
    "xClUB4O3LeDD5DVGEnNMT01FCQW4P6-2-BNBqc_Zxf0Qw4CWayLEpqkAomlkLb9zioZoipdP-jvh1WlA"
)
# RFC 9449 4.1
DPOP = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldW"
    "QVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2My"
    "bFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP"
    "0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
ISSUER, MADE = "https://credential-issuer.example.com", datetime.fromtimestamp(1_701_960_444, UTC)
TOKEN, SENT = "https://server.example.com/token", datetime.fromtimestamp(1_562_262_616, UTC)
SECOND = timedelta(seconds=1)


def test_the_key_proof_of_the_document() -> None:
    held = verify_key_proof(KEY_PROOF, audience=ISSUER, at=MADE)
    assert held.once == "LarRGSbmUPYtRYO6BQ4yn8"
    assert held.jwk["x"] == "nUWAoAv3XZith8E7i19OdaxOLYFOwM-Z2EuM02TirT4" and held.jwk.keys() == {
        "kty", "crv", "x", "y"
    }  # fmt: skip


@pytest.mark.parametrize("late", [timedelta(minutes=-2), timedelta(minutes=7)])
def test_one_of_another_time(late: timedelta) -> None:
    with pytest.raises(OpenIDError, match="just now"):
        verify_key_proof(KEY_PROOF, audience=ISSUER, at=MADE + late)


def test_the_dpop_proof_of_the_document() -> None:
    held = verify_dpop(DPOP, method="POST", url=TOKEN, at=SENT)
    assert held.once == "-BwC3ESc6acc2lTc"
    assert held.thumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "RFC 9449 6.1"
    for method, url, at in (
        ("GET", TOKEN, SENT),
        ("POST", TOKEN + "/", SENT),
        ("POST", TOKEN, SENT + timedelta(seconds=121)),
        ("POST", TOKEN, SENT - timedelta(seconds=61)),
    ):
        with pytest.raises(OpenIDError):
            verify_dpop(DPOP, method=method, url=url, at=at)
    with pytest.raises(OpenIDError, match="another access token"):
        verify_dpop(DPOP, method="POST", url=TOKEN, at=SENT, access_token="x")
    with pytest.raises(OpenIDError):
        verify_key_proof(DPOP, audience=ISSUER, at=SENT)


def test_any_other_sign_is_another_proof() -> None:
    for place in range(0, len(KEY_PROOF) - 1, 11):
        other = "A" if KEY_PROOF[place] != "A" else "B"
        changed = KEY_PROOF[:place] + other + KEY_PROOF[place + 1 :]
        with pytest.raises(OpenIDError) as refused:
            verify_key_proof(changed, audience=ISSUER, at=MADE)
        assert refused.value.code == "invalid_proof", place
