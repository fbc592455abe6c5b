"""Arms: what is known of each, how deltas of rewards add up, the probability of being best, and the draw among them."""
