"""What stands beside the released models belongs to them."""

from __future__ import annotations

import pytest

from interpret import background, equip
from models import intervals, registry, shift

RELEASED = sorted(path.parent.name for path in registry.RELEASED.glob("*/model.toml"))


@pytest.mark.parametrize("name", RELEASED)
def test_every_companion_was_made_for_the_weights_beside_it(name: str) -> None:
    spec = registry.spec(name)
    sets = background.available(spec.model_id)
    assert {found.about.model_id for found in sets} <= {spec.model_id}
    assert len(sets) == len(list((registry.RELEASED / name).glob("background-*.safetensors")))
    if name in equip.HUMAN:
        assert equip.K562 in {found.about.name for found in sets}
    if name in equip.CALIBRATED:
        found = intervals.calibration(spec.model_id)
        assert found is not None
        assert set(found.tracks) == {track.name for track in spec.tracks}
    reference = shift.find_reference(spec)
    assert reference is not None
    assert reference.window == spec.input_length


@pytest.mark.parametrize("name", RELEASED)
def test_companions_stay_small(name: str) -> None:
    files = [path for path in (registry.RELEASED / name).iterdir() if not path.name.startswith("member-")]
    assert sum(path.stat().st_size for path in files) < 2_000_000
