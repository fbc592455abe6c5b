"""The fold of docs/fold.md, the decisions of docs/live.md, the tuples of docs/assembly.md once more, as plain Python.

The oracle of the property tests and of the checks after fault injection. It shares no code with the product: only the
standard library enters (NumPy for the vectors of `behaviour.py`), and data files, which are the enum symbols of
`schemas/avsc`, the catalog of frictions, and the scorer's release, whose graph onnxruntime runs. Modules follow the
sections of the pages; where code and page differ, the page is right. `fold.py` is a partition of visits; `live.py` adds
decisions, rewards and exposures, and says under which conditions and by which conventions that holds; `comparing.py`
sets the stream's records beside it; `posteriors.py`, `containers.py` and `tuples.py` tell what becomes of the rewards.
"""
