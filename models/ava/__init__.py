"""What to make of a visit: frictions, the five signals, the composite, the gates, and what is done about it.

The hot path is `judging`: one compiled pass over evaluations, from rows of features, what was decided before and the
site. `deciding` draws an arm for the few that conclude something, `records` writes them down, `replay` makes them
again. Frictions are data (`catalog.json`). Nothing here reads a clock, a topic or a random source.
"""
