"""What audit events of every kind share: how they look as lines of the Universal Audit Model."""
