"""What can go wrong with a model that is to be served.

LamstreamError
└── ServingError
    ├── ModelRefused    a release that cannot be served here as it stands: nothing of it was loaded
    └── UnfitFeatures   numbers offered to a model that are no features: nothing was scored
"""

from __future__ import annotations

from schemas.errors import LamstreamError


class ServingError(LamstreamError):
    """Anything that goes wrong with a model that is to be served."""


class ModelRefused(ServingError):
    """A release cannot be served here as it stands; the message names every reason. Trying again does not help."""


class UnfitFeatures(ServingError):
    """Features of another shape or type, or that are not numbers; the message says which and where."""
