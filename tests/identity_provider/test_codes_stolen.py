"""A code or a refresh token in a thief's hands: used once, for its client, its redirect_uri and its verifier alone."""

from __future__ import annotations

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError

from support.identity_world import CALLBACK, MARI, SECRET, Service, World

AUTH = ("service", SECRET)


def redeem(
    world: World, service: Service, given: str, /, *, auth: tuple[str, str] = AUTH, **changed: str
) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": CALLBACK,
        "code_verifier": service.verifier,
    }
    return world.post("/token", auth=auth, data={k: v for k, v in {**form, **changed}.items() if v})


def code_for(world: World, service: Service) -> str:
    browser = world.browser()
    return browser.as_test_person(browser.open(service.url())).query["code"]


def test_a_code_used_twice_ends_what_it_gave(world: World) -> None:
    service = world.service()
    code = code_for(world, service)
    tokens = redeem(world, service, code).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert world.get("/userinfo", headers=bearer).status_code == 200
    again = redeem(world, service, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert world.get("/userinfo", headers=bearer).status_code == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert world.post("/token", auth=AUTH, data=refresh).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_verifier": "v" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),  # PKCE left out at the token endpoint
        ({"redirect_uri": "https://service.example/other"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"code": "guess"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": "other"}, "invalid_client"),
    ],
)
def test_a_code_alone_is_worth_nothing(world: World, changed: dict[str, str], error: str) -> None:
    service = world.service()
    answer = redeem(world, service, code_for(world, service), **changed)
    assert answer.json()["error"] == error


def test_a_code_is_one_clients(world: World) -> None:
    service = world.service()
    answer = redeem(world, service, code_for(world, service), auth=("other", SECRET))
    assert answer.json()["error"] == "invalid_grant"


def test_a_code_grows_old(world: World) -> None:
    service = world.service()
    code = code_for(world, service)
    world.clock.forward(seconds=61)
    assert redeem(world, service, code).json()["error"] == "invalid_grant"


def test_refresh_tokens_rotate_and_a_second_use_ends_all(world: World) -> None:
    service = world.service()
    first = service.log_in(world.browser())["refresh_token"]
    second = service.oauth.refresh_token(service.metadata["token_endpoint"])["refresh_token"]
    assert first != second
    thief = {"grant_type": "refresh_token", "refresh_token": first}
    assert world.post("/token", auth=AUTH, data=thief).json()["error"] == "invalid_grant"
    with pytest.raises(OAuthError, match="invalid_grant"):
        service.oauth.refresh_token(service.metadata["token_endpoint"])


def test_a_refresh_token_is_one_clients_and_only_where_allowed(world: World) -> None:
    service = world.service()
    form = {"grant_type": "refresh_token", "refresh_token": service.log_in(world.browser())["refresh_token"]}
    assert world.post("/token", auth=("other", SECRET), data=form).json()["error"] == "unauthorized_client"
    other = world.service("other", redirect_uri="https://other.example/cb")
    browser = world.browser()
    page = browser.as_test_person(browser.open(other.url()))
    assert page.url.startswith("https://other.example/cb?")
    other_tokens = redeem(
        world, other, page.query["code"], auth=("other", SECRET), redirect_uri="https://other.example/cb"
    ).json()
    assert "refresh_token" not in other_tokens


def test_no_more_scope_than_was_granted(world: World) -> None:
    service = world.service()
    token = service.log_in(world.browser())["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token, "scope": "openid official"}
    assert world.post("/token", auth=AUTH, data=form).json()["error"] == "invalid_scope"


def test_a_register_that_is_down_costs_nobody_the_session(world: World) -> None:
    service = world.service()
    form = {"grant_type": "refresh_token", "scope": "openid representee_list"}
    form["refresh_token"] = service.log_in(world.browser(), scope="openid representee_list")["refresh_token"]
    world.register.down = True
    answer = world.post("/token", auth=AUTH, data=form)
    assert (answer.status_code, answer.json()) == (503, {"error": "temporarily_unavailable"})
    world.register.down = False
    assert world.post("/token", auth=AUTH, data=form).json()["token_type"] == "Bearer"


def test_a_client_gives_its_tokens_back(world: World) -> None:
    service = world.service()
    tokens = service.log_in(world.browser())
    token = {"token": tokens["access_token"]}
    active = world.post("/introspect", auth=("register", SECRET), data=token).json()
    assert active == {"active": False}  # not meant for it
    world.add_client("tax-register", introspection=True)
    told = world.post("/introspect", auth=("tax-register", SECRET), data=token).json()
    assert (told["active"], told["sub"]) == (True, MARI.subject)
    assert (
        world.post("/revoke", auth=("other", SECRET), data={"token": tokens["refresh_token"]}).status_code
        == 200
    )
    assert world.post("/introspect", auth=("tax-register", SECRET), data=token).json()["active"]
    world.post("/revoke", auth=AUTH, data={"token": tokens["refresh_token"]})
    assert world.post("/introspect", auth=("tax-register", SECRET), data=token).json() == {"active": False}
