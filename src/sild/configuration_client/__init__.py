"""The configuration client: downloads the global configuration, decides what may follow what, keeps the last valid one.

PR-GCONF, UG-SYSPAR (configuration-client), WIRE 13.2, 13.3. Security servers and `sild verify` call it; it asks sources over
HTTP through the `Fetch` port and publishes to one directory.

client.py       the client: refresh, run, current         succession.py   what may follow what (rules, pure)
download.py     one source, location by location          locations.py    which addresses, in which order (rules, pure)
generations.py  whole generations on disk, atomically     layout.py       X-Road's files and metadata
assemble.py     files to a GlobalConf
"""

from sild.configuration_client.assemble import load_globalconf
from sild.configuration_client.client import ConfigurationClient, ConfigurationClientStatus
from sild.configuration_client.download import Fetch, Fetched
from sild.configuration_client.layout import PublishedConfiguration, StoredFile, read_published

__all__ = [
    "ConfigurationClient",
    "ConfigurationClientStatus",
    "Fetch",
    "Fetched",
    "PublishedConfiguration",
    "StoredFile",
    "load_globalconf",
    "read_published",
]
