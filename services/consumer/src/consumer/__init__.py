"""Stores and counts each click exactly once."""
