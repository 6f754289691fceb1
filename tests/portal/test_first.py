from support.portal_world import PortalWorld


def test_a(world: PortalWorld) -> None:
    b = world.browser()
    for p in (
        "/",
        "/services/birth",
        "/services/move",
        "/life/having_a_child",
        "/login",
        "/offline",
        "/manifest.webmanifest",
        "/worker.js",
        "/keys",
    ):
        page = b.open(p)
        assert page.status == 200, (p, page.text)
    page = b.log_in()
    assert page.path == "/home", page.text
    for p in (
        "/cases/case-1",
        "/cases/case-1/screens/birth.check_and_name",
        "/inbox",
        "/my-data",
        "/who-looked",
        "/settings",
        "/who-looked/statement",
        "/who-looked/evidence/1",
    ):
        page = b.open(p)
        assert page.status == 200, (p, page.text)
    page = b.open("/cases/case-1/screens/birth.check_and_name")
    bad = b.submit(page, "/birth.check_and_name", do="DECLARE", f__given_names="")
    assert bad.status == 422
    ok = b.submit(
        bad,
        "/birth.check_and_name",
        do="DECLARE",
        f__given_names="Ada",
        f__family_name="Tamm",
        f__kindergarten="no",
        f__sure="yes",
    )
    assert ok.path.startswith("/receipts/"), ok.text
    o = world.browser()
    page = o.log_in_as_official()
    assert page.path == "/desk", page.text
    for p in (
        "/desk/cases/case-1",
        "/desk/cases/case-1/screens/birth.register",
        "/desk/look-up",
        "/desk/own-access",
    ):
        page = o.open(p)
        assert page.status == 200, (p, page.text)
