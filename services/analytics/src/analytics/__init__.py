"""Answers how many clicks an ad had, live and over any range."""
