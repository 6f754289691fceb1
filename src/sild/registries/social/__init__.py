"""The social insurance register: contributions, offers of benefits that nobody applied for, payment orders (see `sild.registries`).

register.py   what it takes, is asked and is told     http.py      REST              rules.py     grounds and periods: pure, cited
offering.py   the offer: made, renewed, held, let go  offers.py    offers as rows    household.py the family, asked of others
granting.py   a choice accepted, granted, stopped     judging.py   what the rules are given, and what they give
payments.py   what is owed, month by month; stops     sending.py   to the treasury, and what became of it
orders.py     payment orders as rows                  ledger.py    contributions by month
moved.py      a home has changed                      again.py     a fact under it was corrected
anew.py       decided anew after it was overturned    matters.py   what waits for an official
synthetic.py  who has contributed to begin with
"""
