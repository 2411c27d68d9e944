"""Data platforms: how each is reached, and how an hour of its query history is read.

A platform is a package of its own: an object that says how it differs (``platform``), and a kind of connection whose
reader gives the two frames of ``history`` (``kind``). ``registry`` lists both, ``connections`` reads which ones an
operator has. What becomes of the history belongs to ``audit``.
"""
