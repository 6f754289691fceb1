"""Registers of bodies that follow people's homes and decide nothing: tax residence, the list of voters, parking permits (see `sild.registries`).

duties.py     what follows from a home: pure, cited        register.py   what it takes, and keeps        http.py   REST
zones.py      where residents may have permits to park     synthetic.py  where people stand to begin with
"""
