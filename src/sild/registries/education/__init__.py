"""The municipality's register of kindergarten places: a place in the queue for every child born (see `sild.registries`).

register.py   what it takes, is asked and is told      http.py      REST interface
joining.py    a child joins; its home has changed      queue.py     places and the queue as rows
places.py     wished, offered, taken; who waits        judging.py   the queue as facts for its rules
schooling.py  the school that serves a home             schools.py   schools, their districts, ages
again.py      a fact under it was corrected            rules.py     what the published rule compares
facts.py      what is told of a child, as a fact         held.py      whose facts a person is shown
synthetic.py  kindergartens and who is in them to begin with        statistics.py demand by commune and year: counts, synthetic
"""
