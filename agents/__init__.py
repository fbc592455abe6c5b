"""The Faust app, and one agent a file: a short loop over batches that calls `models` and sends to `topics`.

One agent reads one group of topics that share a key. No arithmetic here.
"""
