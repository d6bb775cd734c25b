"""Settings of the linear classifier."""

from __future__ import annotations

from typing import Annotated

import msgspec

from topics.rubrics.decisions import Policy
from topics.rubrics.features import Fields
from topics.rubrics.latent import LatentSettings
from topics.rubrics.prefixes import PrefixSettings


class LinearSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the linear classifier: `[rubrics.settings]`."""

    fields: Fields = Fields()
    latent: LatentSettings = LatentSettings()
    prefixes: PrefixSettings = PrefixSettings()
    C: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 0.5
    """Inverse strength of regularization, as in scikit-learn."""
    clean_weight: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 5.0
    """Sample weight of a carefully labelled article; one labelled by the outlet's section has weight 1."""
    settle: bool = True
    """Weight labels of the archive by how well they agree with a model of the clean articles."""
    folds: Annotated[int, msgspec.Meta(ge=2, le=100)] = 5
    decisions: Policy = Policy()
    seed: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)] = 0
