"""The social insurance register: contributions, offers of benefits that nobody applied for, payment orders (see `sild.registries`).

register.py   what happens, and when      rules.py  which benefits, how much, which choices: pure, dated, cited
offers.py     offers as rows              ledger.py contributions by month      http.py  REST
synthetic.py  who has contributed to begin with      payments.py  to the treasury, and what became of it
"""
