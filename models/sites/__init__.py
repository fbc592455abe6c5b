"""What is known of a site: sums over its visits, medians of dwell and scroll depth, and how far it has come."""
