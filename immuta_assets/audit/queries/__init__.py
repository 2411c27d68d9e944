"""Statements of the platforms as query events: which hours are due, what an event says, what is covered."""
