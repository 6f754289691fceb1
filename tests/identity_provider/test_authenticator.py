"""The software authenticator is a double of hardware: here the library `webauthn` judges it, without our room between."""

from __future__ import annotations

import json

import pytest
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.exceptions import InvalidAuthenticationResponse
from webauthn.helpers.structs import CredentialDeviceType

from support.authenticator import SoftwareAuthenticator

ORIGIN = "https://login.example"


@pytest.mark.parametrize("synced", [False, True])
def test_it_makes_keys_and_answers(synced: bool) -> None:
    authenticator = SoftwareAuthenticator(synced=synced)
    creation = generate_registration_options(rp_id="login.example", rp_name="x", user_name="x")
    made = verify_registration_response(
        credential=authenticator.create(json.loads(options_to_json(creation)), ORIGIN),
        expected_challenge=creation.challenge,
        expected_rp_id="login.example",
        expected_origin=ORIGIN,
        require_user_verification=True,
    )
    assert (made.credential_device_type is CredentialDeviceType.MULTI_DEVICE) == synced
    count = made.sign_count
    for _again in range(2):
        request = generate_authentication_options(rp_id="login.example")
        answer = authenticator.get(json.loads(options_to_json(request)), ORIGIN)
        done = verify_authentication_response(
            credential=answer,
            expected_challenge=request.challenge,
            expected_rp_id="login.example",
            expected_origin=ORIGIN,
            credential_public_key=made.credential_public_key,
            credential_current_sign_count=count,
            require_user_verification=True,
        )
        assert done.new_sign_count == count + 1
        count = done.new_sign_count
    with pytest.raises(InvalidAuthenticationResponse):  # a copy that counts on its own
        verify_authentication_response(
            credential=answer,
            expected_challenge=request.challenge,
            expected_rp_id="login.example",
            expected_origin=ORIGIN,
            credential_public_key=made.credential_public_key,
            credential_current_sign_count=count + 5,
        )


def test_it_refuses_another_sites_origin() -> None:
    authenticator = SoftwareAuthenticator()
    creation = generate_registration_options(rp_id="login.example", rp_name="x", user_name="x")
    with pytest.raises(PermissionError):
        authenticator.create(json.loads(options_to_json(creation)), "https://login.example.evil")
