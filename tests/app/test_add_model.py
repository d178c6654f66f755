"""A colleague's network, from its folder to letters, by the steps of models/README.md and nothing else."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from app import cli, compute
from app.compute import Asker
from app.view import View
from genome.locus import Locus
from models import registry
from tests.colleague.network import Dilated

ROOT = Path(__file__).parents[2]
README = (ROOT / "models" / "README.md").read_text()
IMPORT_PATH = "tests.colleague.network:Dilated"


def called(capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli.main(list(arguments))
    return code, *capsys.readouterr()


def documented_toml() -> str:
    """The example of models/README.md, with this colleague's package."""
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert "our_lab.networks:Dilated" in text
    return text.replace("our_lab.networks:Dilated", IMPORT_PATH)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What the colleague brings: weights by the documented line, the documented model.toml, a card."""
    monkeypatch.setenv("CISLENS_ARCHITECTURES", IMPORT_PATH)
    torch.manual_seed(0)
    place = tmp_path / "dilated"
    place.mkdir()
    save_file(Dilated().state_dict(), place / "model.safetensors")
    (place / "model.toml").write_text(documented_toml())
    (place / "card.md").write_text("# Dilated\n\nFrom down the corridor.\n")
    return place


def test_a_colleagues_network_goes_from_its_folder_to_letters_by_the_documented_steps(folder, capsys):
    start = time.perf_counter()
    code, out, err = called(capsys, "models", "add", str(folder))
    assert code == 0, err
    model_id = out.split("\t")[0]
    assert model_id.startswith("dilated-")
    for word in ("shape", "gradient", "strands", "N ", "speed", "memory", "completeness"):
        assert re.search(rf"^ok\s+{word}", err, re.MULTILINE), err

    listed = called(capsys, "models", "--json")[1].splitlines()
    assert model_id in [json.loads(line)["model_id"] for line in listed]

    spec = registry.spec("dilated")
    assert (len(spec.tracks), spec.input_length, spec.output_length, spec.resolution) == (7, 1024, 64, 8)
    assert spec.card.startswith("# Dilated")
    view = View(model_id, "sandbox", Locus("sb1", 5_000, 5_400), spec.tracks[2].name)
    prediction = compute.prediction(view, Asker())
    assert prediction.values.shape[0] == 7
    assert np.isfinite(prediction.values).all()
    found = compute.attribution(view, Asker())
    assert found.converged
    assert np.abs(found.values).max() > 0

    network = Dilated()
    network.load_state_dict(load_file(folder / "model.safetensors"))
    x = torch.from_numpy(compute.reference(view, Asker()).one_hot())
    middle = x.shape[1] // 2
    x = x[None, :, middle - 512 : middle + 512]
    with torch.no_grad():
        expected = (network(x) + network(x.flip(1, 2)).flip(2)) / 2
    assert np.allclose(prediction.values, expected[0].numpy(), rtol=1e-4, atol=1e-5)
    assert time.perf_counter() - start < 60  # the documentation says five minutes, reading it included


def test_without_the_administrators_leave_it_is_refused_and_nothing_changes(folder, capsys, monkeypatch):
    before = registry.specs()
    monkeypatch.delenv("CISLENS_ARCHITECTURES")
    code, out, err = called(capsys, "models", "add", str(folder))
    assert (code, out) == (2, "")
    assert "CISLENS_ARCHITECTURES" in err
    assert registry.specs() == before


def test_a_bad_network_is_refused_with_what_was_found(folder, capsys, monkeypatch):
    monkeypatch.setenv("CISLENS_ARCHITECTURES", "tests.colleague.network:Noisy")
    (folder / "model.toml").write_text(documented_toml().replace(IMPORT_PATH, "tests.colleague.network:Noisy"))
    code, out, err = called(capsys, "models", "add", str(folder))
    assert (code, out) == (2, "")
    assert re.search(r"^ok\s+shape", err, re.MULTILINE)
    assert re.search(r"^REFUSED\s+repeats", err, re.MULTILINE)
    assert err.splitlines()[-1].startswith("cislens: dilated is refused (repeats).")
    assert not (Path(os.environ["CISLENS_HOME"]) / "models" / "dilated").exists()


def test_add_without_a_folder_says_what_to_type(capsys):
    code, out, err = called(capsys, "models", "add")
    assert (code, out) == (2, "")
    assert "cislens models add" in err


def test_the_formats_of_the_command_are_those_that_can_be_converted():
    from models.install import FORMATS

    (words,) = re.findall(r'"--format", choices=\((.*?)\)', (ROOT / "app" / "cli.py").read_text(), re.DOTALL)
    assert re.findall(r'"(\w+)"', words) == list(FORMATS)
    for name in FORMATS:
        assert f"--format {name}" in README


def test_the_documentation_names_the_line_that_converts_and_every_key_of_model_toml():
    from models.tensor_files import CONVERSION

    assert CONVERSION.strip() in README
    for key in ("architecture", "context", "channels", "noise", "strand", "resolution", "kind", "sd", "members"):
        assert f"`{key}`" in README


@pytest.mark.data
def test_the_published_dragonn_is_added_by_one_line(data, capsys):
    source = str(data / "weights" / "mpra_dragonn")
    code, out, err = called(capsys, "models", "add", source, "--format", "dragonn", "--name", "mpra-dragonn")
    assert code == 0, err
    spec = registry.spec("mpra-dragonn")
    assert out.startswith(spec.model_id)
    assert (len(spec.tracks), spec.input_length) == (12, 145)
