"""From a container's mutation, tombstone and activity to its training tuple, in revisions.

`docs/assembly.md` is the definition. `container` is the state machine: records and the watermark in, the new state and
what it emits out. `state` is what is remembered of a container, `reward` and `user` are what a tuple says of it.
"""
