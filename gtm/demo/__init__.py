"""Twelve weeks of an invented agency, made through the same functions that real work goes through.

The same anchor (a Monday) gives the same rows. Nothing here is random by itself: every draw comes from a source seeded
with the anchor. What differs from fill to fill is secret: endpoint keys and the password of the demo logins.
"""
