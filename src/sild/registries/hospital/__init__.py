"""A hospital's small information system: births and deaths in the ward, and the notices that tell the state (see `sild.registries`).

register.py   notices, sent until they have arrived      bundle.py   the notice of birth as FHIR R4: pure
http.py       REST interface                             ward.py     the midwife's page, for the hospital's own network
"""
