"""The simulated shop: visitors, containers, their answers to interventions, and the truth about all of them.

Pure: the clock is an argument, every random process has a generator of its own derived from the seed, and nothing is
read or written. `Shop` makes records as producers publish them and hears interventions; `Truth` holds what a stream
that loses and doubles nothing must come to; `Laboratory` answers single decisions with rewards of known expectation.
"""
