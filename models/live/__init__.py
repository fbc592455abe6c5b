"""From folded visits to what leaves: evaluations, decisions, rewards, and what closed visits add to containers.

Rows in, changed rows and records out. `Live` in `live.py` is the way in; the others hold one step of it each.
"""
