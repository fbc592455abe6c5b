"""What is known of arms, and which to choose: sums of rewards, posteriors, priors, the chance to be best, draws."""
