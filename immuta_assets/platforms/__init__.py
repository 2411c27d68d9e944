"""Data platforms: how each is reached, and how an hour of its query history is read.

A platform is a package of its own whose readers give the two frames of ``history``; ``connections`` says which ones an
operator has. What becomes of the history belongs to ``audit``.
"""
