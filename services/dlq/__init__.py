"""Dead letters as people work with them: which ones, what they are, out of Kafka, and back to their topic once.

What writes them is `topics.transport.dead_letters`. Places are told as `topic/partition/offset`, without LAM_PREFIX.
"""
