"""What officials decided in cases, for others to read: the case system's records behind the paths of every register that decides.

A case system seals what is decided in it in its own database; this opens that database beside it, under the body's own subsystem,
so that those records get heads and time-stamps, are replayed, given away and contested like any register's.
"""
