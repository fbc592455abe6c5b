"""Everything computed, and nothing of Kafka.

A model is a pure function on arrays: state in, events in, new state and effects out. The clock and the random source
are arguments. May import `schemas` and libraries; never `topics`, `agents` or `services`.
"""
