"""What to make of a visit: frictions, the five signals, the composite and its tier.

Compiled scalar functions on one session row and the moment of the evaluation, and the points they give, as named
constants. Rows are written by `models.behaviour`; here they are only read.
"""
