"""ARC-CP 5's deployment: EE's servers follow a configuration proxy, and EE trusts FI by a proxy's anchor."""

from __future__ import annotations

from pathlib import Path

from federation.federated_nations import FederatedNation, Federation
from sild.central_server import ConfigurationType
from sild.configuration_proxy import ConfigurationProxy, ConfigurationProxySettings, distribution_app
from support.asgi import serving


async def add(
    proxy: ConfigurationProxy, name: str, nation: FederatedNation, source_type: ConfigurationType
) -> None:
    proxy.create_instance(name)
    proxy.set_source_anchor(name, nation.central.anchor(source_type).file)
    await proxy.add_signing_key(name, algorithm="EC")


async def test_exchange_over_proxied_configurations(tmp_path: Path) -> None:
    async with Federation(tmp_path / "nations") as federation:
        ee, fi = federation.ee, federation.fi
        await federation.trust_one_another()
        with serving(distribution_app(tmp_path / "cp" / "public")) as site:
            settings = ConfigurationProxySettings(
                directory=tmp_path / "cp", address=f"{site.host}:{site.port}", protocols=("http",)
            )
            proxy = ConfigurationProxy(settings)
            await proxy.log_in("1234")
            await add(proxy, "EE", ee, "INTERNAL")
            await add(proxy, "FI-ABROAD", fi, "EXTERNAL")
            ee.central.add_trusted_anchor(proxy.anchor("FI-ABROAD"))
            ee.layout.anchor.write_bytes(proxy.anchor("EE"))
            fi.central.rename_member(fi.plan.member_id(fi.plan.provider), "Known by the proxy alone")
            await federation.ee.publish()
            await federation.fi.publish()
            for name in ("EE", "FI-ABROAD"):
                assert await proxy.mediate(name) == (6, 5, 4, 3, 2)
            await ee.follow()
            await fi.follow()
            globalconf = ee.consumer.configuration.current
            assert globalconf is not None
            at = ee.clock()
            address = f"{site.host}:{site.port}"
            assert ee.consumer.configuration.status.last_location == f"http://{address}/EE/conf?version=6"
            assert [globalconf.shared(i, at).sources[0].address for i in ("EE", "FI")] == [address] * 2
            assert (
                globalconf.member_name(fi.plan.member_id(fi.plan.provider), at) == "Known by the proxy alone"
            )
            for of, at_home in ((ee, fi), (fi, ee), (ee, ee)):
                assert (await federation.call(of, at_home)).status == 200
