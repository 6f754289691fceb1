"""The social insurance register: contributions, offers of benefits that nobody applied for, payment orders (see `sild.registries`).

register.py   what it takes, is asked and is told     http.py      REST              rules.py     grounds and periods: pure, cited
offering.py   the offer: made, renewed, held, let go  offers.py    offers as rows    household.py the family, asked of others
granting.py   a choice accepted, granted, stopped     judging.py   what the rules are given, and what they give
payments.py   to the treasury, and what became of it  ledger.py    contributions by month
moved.py      a home has changed                      again.py     a fact under it was corrected
synthetic.py  who has contributed to begin with
"""
