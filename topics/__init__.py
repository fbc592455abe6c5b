"""Kafka: the table of topics, the Faust transport, partitioned state, dead letters, watermarks, the embedded broker.

May import schemas. What a record means, and anything computed from it, is not known here: that is `models`.
"""
