"""A configuration proxy: takes an instance's configuration from its source, and publishes it again under keys of its own.

UG-CP (administration, files), ARC-CP, UC-CP, PR-GCONF; WIRE 13.5. Called by processes. What did not verify is not published.

configuration_proxy.py  ConfigurationProxy: administration, rounds   mediation.py       one instance: download, sign, publish
instances.py            conf.ini, anchor.xml, certificates           redistribution.py  what is passed on, and where it lies (pure)
conf_ini.py             its lines (pure)                             publication.py     the public directory
proxy_instance.py       an instance as values (pure)                 http.py            /<proxy instance>/conf and the files
signing_keys.py         add, activate, delete                        self_signed.py     a certificate for a token's key
view.py                 what view-conf shows (pure)                  settings.py        UG-CP 3.2's parameters
"""

from sild.configuration_proxy.configuration_proxy import ConfigurationProxy
from sild.configuration_proxy.errors import Conflict, NotConfigured, NotFound
from sild.configuration_proxy.http import distribution_app
from sild.configuration_proxy.proxy_instance import ProxyInstance, SigningKey
from sild.configuration_proxy.settings import ConfigurationProxySettings
from sild.configuration_proxy.signing_keys import TokenKeyAlgorithm
from sild.configuration_proxy.view import view

__all__ = [
    "ConfigurationProxy",
    "ConfigurationProxySettings",
    "Conflict",
    "NotConfigured",
    "NotFound",
    "ProxyInstance",
    "SigningKey",
    "TokenKeyAlgorithm",
    "distribution_app",
    "view",
]
