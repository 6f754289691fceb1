"""The state treasury: pays what bodies have decided, once, and says what became of it (see `sild.registries`).

register.py  orders, stops, instruction files, what the bank says       orders.py  an order and its checks: pure
pain.py      pain.001 out, pain.002 in (ISO 20022): pure                 http.py    REST
"""
