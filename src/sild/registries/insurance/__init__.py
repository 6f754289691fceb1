"""The health insurance register: cover from birth by rule, and its card as a credential (see `sild.registries`).

register.py   what it takes and is asked             http.py       REST interface
covering.py   from when until when, by rule          cards.py      given, printed, bound to a wallet, revoked; their office
rules.py      grounds and numbers, dated and cited   synthetic.py  who is insured to begin with
"""
