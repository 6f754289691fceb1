"""The register of family doctors: practices, and in whose list people are (see `sild.registries`).

register.py   what it takes, is asked and is told     practices.py   practices and their lists as rows     http.py   REST
synthetic.py  practices and lists to begin with       tables.py      what the database holds
"""
