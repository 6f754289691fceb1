"""A hospital's small information system: births and deaths in the ward, and the notices that tell the state (see `sild.registries`).

register.py   notices, signed, and sent until they have arrived   bundle.py     the notice of birth as FHIR R4: pure
http.py       REST interface                                      ward.py       the midwife's pages, for the hospital's own network
sessions.py   who is logged in there                              signing.py    a midwife signs what she wrote
pages.py      what the page shows, what its forms say             settings.py   what the ward is told
"""
