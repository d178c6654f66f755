"""Files of the effects of many variants, made when somebody asks for them."""

from __future__ import annotations

from app.compute_variants import Batch
from experiment.uploads import Upload


def show(batch: Batch, upload: Upload) -> None:
    """Offers the files."""
