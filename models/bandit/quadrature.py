"""The nodes of a fixed quadrature: Gauss-Legendre on panels, with the weights that integrate up to each node."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NODES = 8
"""A panel."""


def _integration_matrix(nodes: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """float64[NODES, NODES]: row i gives the integral from -1 to node i of the polynomial through the values at nodes.

    By Legendre's series: the integral of P_k from -1 to x is (P_{k+1}(x) - P_{k-1}(x)) / (2k + 1), of P_0 it is x + 1.
    """
    values = np.polynomial.legendre.legvander(nodes, NODES)
    matrix = np.zeros((NODES, NODES))
    for i in range(NODES):
        for k in range(NODES):
            upto = nodes[i] + 1.0 if k == 0 else (values[i, k + 1] - values[i, k - 1]) / (2 * k + 1)
            matrix[i] += (2 * k + 1) / 2.0 * weights * values[:, k] * upto
    return matrix


NODE, WEIGHT = np.polynomial.legendre.leggauss(NODES)
"""float64[NODES] on -1..1."""
UP_TO = _integration_matrix(NODE, WEIGHT)
