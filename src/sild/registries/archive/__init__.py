"""The archive: takes submission information packages over the exchange, checks every byte they claim, and gives a sealed receipt.

register.py  taking, keeping, receipts       judging.py  what is checked beyond the package itself       http.py  REST interface
tables.py    one row for each package; the packages themselves are files named by their hash
"""
