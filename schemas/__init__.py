"""What crosses a topic: one `.avsc` a record type, the codec between Avro and Arrow, and the layout of state rows.

May import nothing of ours. Kafka is not known here; values are bytes in and columns out.
"""
