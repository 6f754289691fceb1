"""The health insurance register: cover from birth by rule, and its card as a credential (see `sild.registries`).

register.py   what happens, and when       rules.py  cover and its card's number, dated and cited       http.py  REST interface
credential.py SD-JWT VC and its status list (RFC 9901)                        synthetic.py  who is insured to begin with
"""
