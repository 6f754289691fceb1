"""Authorization requests that are tricks: where nobody may be sent, what is downgraded, which way a client authenticates."""

from __future__ import annotations

import base64
import json

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from support.identity_world import CALLBACK, SECRET, World


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.example/callback",
        CALLBACK + "/",
        CALLBACK + "?a=1",
        CALLBACK + "#x",
        CALLBACK + "/../x",
        CALLBACK.upper(),
        CALLBACK.replace("https", "http"),
        CALLBACK.replace("service.example", "service.example@evil.example"),
        CALLBACK.replace("service.example", "service.example.evil"),
        CALLBACK + "%0d%0aLocation:%20https://evil.example",
        "//service.example/callback",
        "javascript:alert(1)",
        "",
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_registered(world: World, redirect_uri: str) -> None:
    page = world.browser().open(world.service().url(redirect_uri=redirect_uri))
    assert page.status == 400
    assert "location" not in page.headers
    assert "evil" not in page.text


def test_an_unknown_client_is_nobody(world: World) -> None:
    page = world.browser().open(world.service().url().replace("client_id=service", "client_id=nobody"))
    assert page.status == 400


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid offline_access"}, "invalid_scope"),
        ({"scope": "openid representee.EE1 representee.EE2"}, "invalid_scope"),
        ({"acr_values": "certain"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://evil.example"}, "request_uri_not_supported"),
        ({"claims": "[]"}, "invalid_request"),
        ({"claims": '{"id_token": {"salary": {"essential": true}}}'}, "invalid_request"),
    ],
)
def test_the_client_is_told_what_is_wrong(world: World, changed: dict[str, str], error: str) -> None:
    service = world.service()
    from urllib.parse import parse_qsl, urlencode, urlsplit

    url = urlsplit(service.url())
    parameters = {**dict(parse_qsl(url.query)), **changed}
    page = world.browser().open(
        f"{world.issuer}/authorize?{urlencode({k: v for k, v in parameters.items() if v})}"
    )
    assert page.url.startswith(CALLBACK + "?")
    assert page.query["error"] == error
    assert page.query["state"] == service.state
    assert page.query["iss"] == world.issuer  # a client that talks to several knows which answered (mix-up)


def test_a_parameter_given_twice(world: World) -> None:
    page = world.browser().open(world.service().url() + "&client_id=other")
    assert page.status == 400


def test_a_posted_request_is_sent_round(world: World) -> None:
    from urllib.parse import urlsplit

    browser = world.browser()
    body = urlsplit(world.service().url()).query
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://service.example"}
    page = browser.open(f"{world.issuer}/authorize", "POST", data=body, headers=headers)
    assert page.path.startswith("/login/")


@pytest.mark.parametrize(
    "auth",
    [("service", "wrong" * 10), ("service", ""), ("nobody", SECRET), ("other:service", SECRET)],
)
def test_a_wrong_secret(world: World, auth: tuple[str, str]) -> None:
    answer = world.post("/token", auth=auth, data={"grant_type": "authorization_code", "code": "x"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_secrets_in_the_body_or_left_out_are_no_way_in(world: World) -> None:
    form = {"grant_type": "authorization_code", "code": "x", "client_id": "service"}
    assert world.post("/token", data=form).json()["error"] == "invalid_client"
    assert world.post("/token", data={**form, "client_secret": SECRET}).json()["error"] == "invalid_client"
    both = world.post("/token", auth=("service", SECRET), data={**form, "client_secret": SECRET})
    assert both.json()["error"] == "invalid_request"


def test_a_clients_secret_is_not_guessed(world: World) -> None:
    for _ in range(10):
        world.post("/token", auth=("service", "guess" * 8), data={"grant_type": "x"})
    locked = world.post("/token", auth=("service", SECRET), data={"grant_type": "x"})
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) > 800
    basic = {"authorization": "Basic " + base64.b64encode(f"service:{SECRET}".encode()).decode()}
    elsewhere = world.provider.clients.authenticate(basic, {}, address="198.51.100.7")
    assert elsewhere.client_id == "service"  # whoever guesses does not lock the service out
    world.clock.forward(minutes=16)
    assert (
        world.post("/token", auth=("service", SECRET), data={"grant_type": "x"}).json()["error"]
        == "unsupported_grant_type"
    )


def assertion(
    world: World, key: RSAKey, header: dict[str, str] | None = None, **changed: object
) -> dict[str, str]:
    now = int(world.clock().timestamp())
    claims = {
        "iss": "signer",
        "sub": "signer",
        "aud": f"{world.issuer}/token",
        "jti": "one",
        "exp": now + 60,
        **changed,
    }
    token = jwt.encode(header or {"alg": "RS256", "kid": "one"}, claims, key, algorithms=["RS256"])
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_assertion": token, "client_assertion_type": kind, "grant_type": "x"}


def test_a_signed_assertion_once_for_us_and_by_the_clients_key(world: World) -> None:
    key = RSAKey.generate_key(2048, {"kid": "one"})
    world.add_client(
        "signer", authentication="private_key_jwt", jwks=json.dumps({"keys": [key.as_dict(private=False)]})
    )

    def error(form: dict[str, str]) -> str:
        return str(world.post("/token", data=form).json()["error"])

    good = assertion(world, key)
    assert error(good) == "unsupported_grant_type"  # authenticated
    assert error(good) == "invalid_client"  # replayed
    assert error(assertion(world, key, jti="2", aud="https://other.example/token")) == "invalid_client"
    assert error(assertion(world, key, jti="3", exp=int(world.clock().timestamp()) - 60)) == "invalid_client"
    assert error(assertion(world, key, jti="4", sub="other")) == "invalid_client"
    assert error(assertion(world, RSAKey.generate_key(2048, {"kid": "one"}), jti="5")) == "invalid_client"
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one"}').rstrip(b"=").decode()
    unsigned = {**good, "client_assertion": f"{none}.{good['client_assertion'].split('.')[1]}."}
    assert error(unsigned) == "invalid_client"


def test_a_disabled_client_is_out(world: World) -> None:
    service = world.service()
    tokens = service.log_in(world.browser())
    world.provider.disable_client("service")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert world.get("/userinfo", headers=bearer).status_code == 401
    assert world.browser().open(service.url()).status == 400
