"""Everything Dagster: which assets exist, for which days, where they are stored, what is checked and when it runs.

Import the modules themselves; nothing is re-exported or wired at import time. What an asset computes is plain Polars
and belongs to the domain packages.
"""
