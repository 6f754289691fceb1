"""The municipality's register of kindergarten places: a place in the queue for every child born (see `sild.registries`).

register.py   what happens, and when       rules.py  what the published rule compares       queue.py  places and the queue as rows
judging.py    the queue as facts for its rules
http.py       REST interface               synthetic.py  kindergartens and who is in them to begin with
statistics.py demand by commune and year: counts, synthetic
"""
