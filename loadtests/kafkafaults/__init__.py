"""Kafka frozen and killed under load, again and again: how long until all is read, and whether each click counts once."""
