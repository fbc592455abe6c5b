"""The fold of docs/fold.md once more, as plain Python over dicts, event by event; and what its visits come to.

The oracle of the property tests and of the checks after fault injection. It shares no code with the product: only the
standard library enters (and NumPy, for vectors in behaviour.py), and the enum symbols of
`schemas/avsc/session-event.avsc`. Modules follow the sections of docs/fold.md and docs/assembly.md; where code and page
differ, the page is right.
"""
