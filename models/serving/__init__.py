"""Models at work: releases read, checked and run by onnxruntime.

A release is a folder and all that is known of its model stands in it. `Scorer` turns features of visits at a moment
into scores, and refuses a release that was made for other features. Training lies in `models.training`; nothing here
needs it.
"""

from models.serving.errors import ModelRefused, ServingError, UnfitFeatures
from models.serving.release import default_release
from models.serving.scorer import Scorer, Scores

__all__ = ["ModelRefused", "Scorer", "Scores", "ServingError", "UnfitFeatures", "default_release"]
