"""The demonstration: a made-up tenant, its query history, and what else a newcomer needs to see the product at work.

Nothing outside the command line imports it.
"""
