"""What is known of arms, how likely each is the best, and the choice between them.

Pure functions of rewards: no draw is made here, no Beta or Normal variate anywhere, so that a choice is exact and
repeatable. Rewards are graded, 0-1 (DOMAIN 6).
"""
