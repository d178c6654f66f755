"""The same answers on every device. Needs CUDA: elsewhere these tests skip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genome.locus import Locus
from genome.sequence import Sequence
from interpret.methods import attribute
from interpret.references import BASELINES
from models import registry
from models.core import Target
from models.engine import Engine
from models.predict import predict
from tests.toy_models import Curved, random_bases, toy_model

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
LOCUS = Locus("chr1", 1_000, 2_000)


def engines(model):
    """The same model on the CPU and on the GPU; each engine needs a copy, for loading moves it."""
    kind, spec = type(model.members[0]), model.spec
    again = toy_model(Curved, n_members=spec.n_members, strand_rule=spec.strand_rule) if kind is Curved else None
    copies = [model, again or registry.load(spec.model_id)]
    return [
        Engine(lambda _, m=copy: m, device=torch.device(device)).runner(spec.model_id)
        for copy, device in zip(copies, ("cpu", "cuda"), strict=True)
    ]


@pytest.mark.parametrize("name", ["toy", *(spec.name for spec in registry.specs())])
def test_predictions_and_letters_on_the_gpu_are_those_of_the_cpu(name):
    model = (
        toy_model(Curved, n_members=2, strand_rule="average")
        if name == "toy"
        else registry.load(registry.spec(name).model_id)
    )
    sequence = Sequence(random_bases(3_000), Locus("chr1", 0, 3_000))
    cpu, gpu = engines(model)
    predictions = [predict(run, model.spec, sequence, LOCUS).values for run in (cpu, gpu)]
    assert np.allclose(*predictions, rtol=1e-4, atol=1e-4)
    for baseline in BASELINES[:2]:
        target = Target(model.spec.tracks[0].name)
        letters = [attribute(run, model.spec, sequence, LOCUS, target, baseline=baseline) for run in (cpu, gpu)]
        assert np.allclose(letters[0].values, letters[1].values, rtol=1e-4, atol=1e-4)
        assert letters[1].converged == letters[0].converged
