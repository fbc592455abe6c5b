"""How models are made: visits in, releases out.

Needs the extra `train` (torch, onnx) where a network is trained or a graph is built; what prepares and judges data is
plain NumPy. What was told of visits is an argument; seeds and the time are too. The stream imports nothing from here.
"""
