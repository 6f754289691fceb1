"""The municipality's register of kindergarten places: a place in the queue for every child born (see `sild.registries`).

register.py   what happens, and when       rules.py  the published rule of the queue: pure       queue.py  places and the queue as rows
http.py       REST interface               synthetic.py  kindergartens and who is in them to begin with
statistics.py demand by commune and year: counts, synthetic
"""
