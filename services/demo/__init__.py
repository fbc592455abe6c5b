"""The demo: a broker, a worker and seeded traffic, watched from outside through the topics alone."""
