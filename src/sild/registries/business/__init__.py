"""The business register: companies, who is on their boards, and whether one of them alone represents the company (see `sild.registries`).

register.py  what it is asked and told     entries.py  what it holds, as facts     http.py  REST     filling.py  companies to begin with
"""
