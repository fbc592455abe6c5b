"""How the project is run and shipped: the Kafka used by tests, and starting processes that never outlive their parent.

Knows nothing of the stream itself and imports none of its packages.
"""
