"""Registers of bodies that follow people's homes and decide nothing: the tax authority's and the electoral register (see `sild.registries`).

duties.py     what follows from a home: pure, cited        register.py   what it takes, and keeps        http.py   REST
synthetic.py  where people stand to begin with
"""
