"""Networks of other people: equal to independent evaluations of the published weights, and under the common contract."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from genome.errors import UserError
from genome.sequence import one_hot
from models import registry
from models.adapters import bpnet, chrombpnet, dragonn, legnet
from models.adapters.channels import Reordered
from models.core import Target
from tests.models.folders import BPNET, CASES, LEGNET, PLAIN_BPNET, keras_files, network, save_state, write_case
from tests.toy_models import random_bases

# ---------------------------------------------------------------------------------------------- evaluations by numpy alone


def correlate(x, kernel, bias=0.0, *, dilation=1, padded=False):
    """(positions, in), (length, in, out) -> (positions, out): a convolution as Keras and torch mean it."""
    reach = dilation * (len(kernel) - 1)
    if padded:
        x = np.pad(x, ((reach // 2, reach - reach // 2), (0, 0)))
    places = len(x) - reach
    return sum(x[dilation * i : dilation * i + places] @ tap for i, tap in enumerate(kernel)) + bias


def dragonn_by_numpy(weights, x, epsilon=1e-3):
    """(positions, 4) -> (tasks,): the published layers written out once more."""
    for kernel, bias, gamma, beta, mean, variance in weights[:-1]:
        x = np.maximum(correlate(x, kernel, bias), 0)
        x = gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    kernel, bias = weights[-1]
    return x.reshape(-1) @ kernel + bias


def letters(window, seed):
    """(window, 4) in order A, C, G, T."""
    return one_hot(random_bases(window, seed)).T.astype(np.float64)


def random_dragonn(window=40, filters=(7, 5), lengths=(5, 4), tasks=3):
    make = np.random.default_rng(0)
    weights, before = [], 4
    for count, length in zip(filters, lengths, strict=True):
        kernel = make.normal(0, 0.4, (length, before, count))
        rest = [make.normal(0, 0.2, count), make.uniform(0.5, 2, count), make.normal(0, 1, count)]
        weights.append([kernel, *rest, make.normal(0, 1, count), make.uniform(0.2, 2, count)])
        before, window = count, window - length + 1
    weights.append([make.normal(0, 0.2, (window * before, tasks)), make.normal(0, 1, tasks)])
    return [[array.astype("float32") for array in layer] for layer in weights]


# ------------------------------------------------------------------------------------------------------------ MPRA-DragoNN


def converted(convert, source, place, name="outside"):
    """The model of published files."""
    place.mkdir()
    convert(source, place, name=name)
    return registry.load_folder(place)


def asked(model, windows):
    """The first member on the forward strand, (n, tracks, bins)."""
    x = torch.stack([torch.from_numpy(window.T).float() for window in windows])
    return model._answer(x, 0, "+").double().numpy()


def test_a_small_dragonn_is_what_numpy_makes_of_the_same_keras_files(tmp_path):
    weights = random_dragonn()
    model = converted(dragonn.convert, keras_files(tmp_path / "keras", weights, 40), tmp_path / "ours")
    windows = [letters(40, seed) for seed in range(5)]
    expected = np.array([dragonn_by_numpy(weights, window) for window in windows])
    assert np.abs(asked(model, windows)[:, :, 0] - expected).max() < 1e-4
    assert expected.std(0).min() > 0.01  # the windows differ, so that equality says something


@pytest.mark.data
def test_the_published_dragonn_is_what_numpy_makes_of_the_published_files(data, tmp_path):
    import h5py

    source = data / "weights" / "mpra_dragonn"
    model = converted(dragonn.convert, source, tmp_path / "ours")
    with h5py.File(next(source.glob("*.hdf5"))) as file:
        weights = []
        for i in (1, 2, 3):
            conv, norm = (file[f"{kind}_{i}/{kind}_{i}"] for kind in ("conv1d", "batch_normalization"))
            names = ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")
            weights.append([conv["kernel:0"][()], conv["bias:0"][()], *(norm[name][()] for name in names)])
        weights.append([file[f"dense_1/dense_1/{name}"][()] for name in ("kernel:0", "bias:0")])
    windows = [letters(145, seed) for seed in range(12)]
    expected = np.array([dragonn_by_numpy(weights, window) for window in windows])
    assert np.abs(asked(model, windows)[:, :, 0] - expected).max() < 1e-4
    assert expected.std(0).min() > 0.02
    assert [track.name for track in model.spec.tracks][::3] == [
        "K562 minP replicate 1",
        "K562 SV40 replicate 1",
        "HepG2 minP replicate 1",
        "HepG2 SV40 replicate 1",
    ]


@pytest.mark.data
def test_the_published_tasks_stand_in_the_order_they_are_named_in(data, tmp_path):
    """The pooled task of a cell and promoter goes with its own two replicates more than with any other's."""
    model = converted(dragonn.convert, data / "weights" / "mpra_dragonn", tmp_path / "ours")
    y = asked(model, [letters(145, seed) for seed in range(60)])[:, :, 0]
    together = np.corrcoef(y.T)
    for first in (0, 3, 6, 9):
        others = [i for i in range(12) if not first <= i < first + 3]
        assert together[first + 2, first : first + 2].min() > together[first + 2, others].max()


def test_tasks_whose_order_is_not_published_are_numbered(tmp_path):
    model = converted(dragonn.convert, keras_files(tmp_path / "keras", random_dragonn(), 40), tmp_path / "ours")
    assert [track.name for track in model.spec.tracks] == ["task 1", "task 2", "task 3"]
    assert "not known" in model.spec.card


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda place: (place / "model.json").write_text("{"), "not the architecture of MPRA-DragoNN"),
        (lambda place: (place / "model.json").write_text('{"config": []}'), "not the architecture"),
        (lambda place: (place / "model.json").unlink(), "0 files that end in .json"),
        (lambda place: (place / "weights.hdf5").write_bytes(b"not HDF5"), "does not hold the weights"),
        (lambda place: (place / "weights.hdf5").write_bytes(b""), "does not hold the weights"),
    ],
)
def test_files_that_are_no_dragonn_are_refused_with_the_reason(tmp_path, spoil, reason):
    source = keras_files(tmp_path / "keras", random_dragonn(), 40)
    spoil(source)
    with pytest.raises(UserError, match=reason):
        converted(dragonn.convert, source, tmp_path / "ours")


@pytest.mark.parametrize(("key", "value"), [("activation", "elu"), ("padding", "same"), ("strides", [2])])
def test_a_layer_that_would_be_evaluated_otherwise_is_refused(tmp_path, key, value):
    source = keras_files(tmp_path / "keras", random_dragonn(), 40)
    table = json.loads((source / "model.json").read_text())
    table["config"]["layers"][0]["config"][key] = value
    (source / "model.json").write_text(json.dumps(table))
    with pytest.raises(UserError, match=key):
        converted(dragonn.convert, source, tmp_path / "ours")


def test_weights_of_another_shape_than_the_architecture_are_refused(tmp_path):
    source = keras_files(tmp_path / "keras", random_dragonn(), 40)
    other = keras_files(tmp_path / "other", random_dragonn(filters=(7, 6)), 40)
    (other / "weights.hdf5").replace(source / "weights.hdf5")
    with pytest.raises(UserError, match="has shape"):
        converted(dragonn.convert, source, tmp_path / "ours")


def test_hdf5_that_points_to_another_file_is_refused(tmp_path):
    import h5py

    source = keras_files(tmp_path / "keras", random_dragonn(), 40)
    other = keras_files(tmp_path / "other", random_dragonn(), 40)
    with h5py.File(source / "weights.hdf5", "a") as file:
        del file["dense_1/dense_1/bias:0"]
        file["dense_1/dense_1/bias:0"] = h5py.ExternalLink(str(other / "weights.hdf5"), "dense_1/dense_1/bias:0")
    with pytest.raises(UserError, match="another file"):
        converted(dragonn.convert, source, tmp_path / "ours")


# ----------------------------------------------------------------------------------------------------- BPNet and ChromBPNet


def bpnet_by_numpy(state, x, layers=2, trimming=60):
    """(positions, 4) -> logits (bins, outputs) and the count head, with control tracks of zeros, written out."""
    w = {key: value.double().numpy() for key, value in state.items()}
    taps = {key: value.transpose(2, 1, 0) for key, value in w.items() if value.ndim == 3}
    h = np.maximum(correlate(x, taps["iconv.weight"], w["iconv.bias"], padded=True), 0)
    for i in range(layers):
        more = correlate(h, taps[f"rconvs.{i}.weight"], w[f"rconvs.{i}.bias"], dilation=2 ** (i + 1), padded=True)
        h = h + np.maximum(more, 0)
    controls = np.zeros((len(h), taps["fconv.weight"].shape[1] - h.shape[1]))
    logits = correlate(np.hstack([h, controls]), taps["fconv.weight"], w["fconv.bias"], padded=True)
    pooled = h[trimming - 37 : len(h) - trimming + 37].mean(0)
    control_count = [np.log(0 + 1)] * (w["linear.weight"].shape[1] - len(pooled))
    return logits[trimming : len(h) - trimming], float(
        w["linear.weight"][0] @ [*pooled, *control_count] + w["linear.bias"][0]
    )


def reads_by_numpy(logits, count):
    """Expected reads per base (outputs, bins)."""
    shares = np.exp(logits - logits.max())
    return (shares / shares.sum() * np.expm1(count)).T


@pytest.mark.parametrize("options", [BPNET, PLAIN_BPNET, {**BPNET, "n_outputs": 1}])
def test_bpnet_is_what_numpy_makes_of_its_layout(options):
    made = network("bpnet", options)
    x = letters(200, 3)
    expected = reads_by_numpy(*bpnet_by_numpy(made.state_dict(), x))
    found = made(torch.from_numpy(x.T[None]).float())[0].double().detach().numpy()
    assert found.shape == (options["n_outputs"], 80)
    assert np.abs(found - expected).max() < 1e-4 * expected.max()


def test_the_count_target_is_the_count_head_and_the_profile_target_knows_nothing_of_it(tmp_path):
    model = registry.load_folder(write_case(tmp_path / "ours", "bpnet"))
    made, x = model.members[0], torch.from_numpy(letters(200, 1).T[None]).float()
    logits, log_counts = made.heads(x)
    y = made(x)
    counts = Target("track 0", "counts").scalar(model.spec, y)
    assert torch.allclose(counts, log_counts[:, 0], atol=1e-5)
    flat = logits.flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    shape = Target("track 0", "profile").scalar(model.spec, y)
    assert torch.allclose(shape, (flat * flat.softmax(1)).sum(1), atol=1e-4)


def test_control_weights_do_not_matter_when_there_is_no_control():
    made, x = network("bpnet", BPNET), torch.from_numpy(letters(200, 1).T[None]).float()
    before = made(x)
    with torch.no_grad():
        made.fconv.weight[:, BPNET["n_filters"] :] += 5
        made.linear.weight[:, -1] += 5
    assert torch.equal(made(x), before)
    with torch.no_grad():
        made.fconv.weight[:, 0] += 1
    assert not torch.allclose(made(x), before)


def test_a_count_head_below_nothing_still_gives_reads():
    logits = torch.randn(2, 1, 50)
    reads = bpnet.expected_reads(logits, torch.tensor([[-3.0], [2.0]]))
    assert (reads > 0).all()
    assert torch.allclose(reads[1].sum(), torch.expm1(torch.tensor(2.0)), atol=1e-4)


def test_a_bpnet_file_tells_its_own_options(tmp_path):
    made = network("bpnet", {**BPNET, "trimming": None, "profile_output_bias": False})
    model = converted(bpnet.convert, save_state(tmp_path / "bp.safetensors", made.state_dict()), tmp_path / "ours")
    seen = 47 + 2 + 4
    assert (model.spec.input_length, model.spec.output_length) == (1000 + 2 * seen, 1000)
    assert [(track.kind, track.strand) for track in model.spec.tracks] == [("profile", "+"), ("profile", "-")]
    x = torch.randn(1, 4, model.spec.input_length)
    assert torch.equal(model.members[0](x), made(x))


def chrombpnet_state():
    parts = {
        part: network("bpnet", {**PLAIN_BPNET, "trimming": None}, seed)
        for seed, part in enumerate(("accessibility", "bias"))
    }
    return parts, {f"{part}.{key}": value for part, made in parts.items() for key, value in made.state_dict().items()}


def test_chrombpnet_leaves_the_enzyme_out_unless_it_is_asked_for(tmp_path):
    parts, state = chrombpnet_state()
    model = converted(chrombpnet.convert, save_state(tmp_path / "chrom.safetensors", state), tmp_path / "ours")
    x = torch.from_numpy(letters(model.spec.input_length, 2).T[None]).float()
    assert torch.equal(model.members[0](x), parts["accessibility"](x))

    text = (tmp_path / "ours" / "model.toml").read_text()
    assert "with_bias = false" in text
    (tmp_path / "ours" / "model.toml").write_text(text.replace("with_bias = false", "with_bias = true"))
    whole = registry.load_folder(tmp_path / "ours")
    assert whole.spec.model_id != model.spec.model_id
    heads = [tuple(head.detach() for head in made.heads(x)) for made in parts.values()]
    expected = reads_by_numpy(
        sum(logits for logits, _ in heads)[0].T.double().detach().numpy(),
        np.log(sum(np.exp(float(count)) for _, count in heads)),
    )
    found = whole.members[0](x)[0].double().detach().numpy()
    assert np.abs(found - expected).max() < 1e-4 * expected.max()


def test_chrombpnet_is_also_read_from_two_files_and_without_a_bias_model(tmp_path):
    parts, state = chrombpnet_state()
    (tmp_path / "two").mkdir()
    save_state(tmp_path / "two" / "accessibility.safetensors", parts["accessibility"].state_dict())
    alone = converted(chrombpnet.convert, tmp_path / "two", tmp_path / "alone")
    assert alone.members[0].bias is None
    save_state(tmp_path / "two" / "bias.safetensors", parts["bias"].state_dict())
    both = converted(chrombpnet.convert, tmp_path / "two", tmp_path / "both")
    assert {key: value.shape for key, value in both.members[0].state_dict().items()} == {
        key: value.shape for key, value in state.items()
    }


def test_a_bias_that_is_not_there_cannot_be_asked_for():
    with pytest.raises(ValueError, match="with_bias"):
        chrombpnet.ChromBPNet(PLAIN_BPNET, with_bias=True)


# ------------------------------------------------------------------------------------------------------------------ LegNet


def silu(x):
    return x / (1 + np.exp(-x))


def legnet_by_numpy(state, x):
    """(positions, 4) in the authors' order of letters -> (tracks,), written out from the names of the weights."""
    w = {key: value.double().numpy() for key, value in state.items()}

    def normed(x, name):
        mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        return w[f"{name}.weight"] * (x - mean) / np.sqrt(variance + 1e-5) + w[f"{name}.bias"]

    def convolved(x, name, index):
        kernel = w[f"{name}.{index}.weight"].transpose(2, 1, 0)
        if kernel.shape[1] == 1 and x.shape[1] > 1:  # each channel by itself
            kernel = np.stack([np.diag(tap[0]) for tap in kernel])
        return silu(normed(correlate(x, kernel, padded=True), f"{name}.{index + 1}"))

    h = convolved(x, "stem.block", 0)
    for block in range(2):
        inner = f"main.{block}.0.fn.block"
        deep = convolved(convolved(h, inner, 0), inner, 3)
        gate = silu(w[f"{inner}.6.fc.0.weight"] @ deep.mean(0) + w[f"{inner}.6.fc.0.bias"])
        gate = w[f"{inner}.6.fc.2.weight"] @ gate + w[f"{inner}.6.fc.2.bias"]
        deep = convolved(deep / (1 + np.exp(-gate)), inner, 7)
        h = convolved(np.hstack([deep, h]), f"main.{block}.1.block", 0)
        h = h[: len(h) // 2 * 2].reshape(-1, 2, h.shape[1]).max(1)
    h = correlate(normed(h, "mapper.block.0"), w["mapper.block.1.weight"].transpose(2, 1, 0), w["mapper.block.1.bias"])
    h = silu(normed(w["head.0.weight"] @ h.mean(0) + w["head.0.bias"], "head.1"))
    return w["head.3.weight"] @ h + w["head.3.bias"]


def test_legnet_is_what_numpy_makes_of_its_layout():
    made = network("legnet", LEGNET)
    for seed in range(3):
        x = letters(64, seed)
        found = made(torch.from_numpy(x.T[None]).float())[0, :, 0].double().detach().numpy()
        expected = legnet_by_numpy(made.state_dict(), x)
        assert np.abs(found - expected).max() < 1e-4 * max(1, np.abs(expected).max())


def human_legnet_names(blocks=2):
    """The names under which human_legnet publishes its weights."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = ["stem.block.0.weight", *(f"stem.block.1.{key}" for key in norm)]
    for i in range(blocks):
        inner = f"main.{i}.0.fn.block"
        for index in (0, 3, 7):
            names += [f"{inner}.{index}.weight", *(f"{inner}.{index + 1}.{key}" for key in norm)]
        names += [f"{inner}.6.fc.{index}.{key}" for index in (0, 2) for key in ("weight", "bias")]
        names += [f"main.{i}.1.block.0.weight", *(f"main.{i}.1.block.1.{key}" for key in norm)]
    names += [*(f"mapper.block.0.{key}" for key in norm), "mapper.block.1.weight", "mapper.block.1.bias"]
    names += ["head.0.weight", "head.0.bias", *(f"head.1.{key}" for key in norm), "head.3.weight", "head.3.bias"]
    return names


def test_legnets_weights_have_the_published_names():
    assert sorted(network("legnet", LEGNET).state_dict()) == sorted(human_legnet_names())


@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_legnet_file_tells_its_own_options_and_stands_in_its_construct(tmp_path, prefix):
    made = network("legnet", {**LEGNET, "both_strands": True})
    state = {prefix + key: value for key, value in made.state_dict().items()}
    model = converted(legnet.convert, save_state(tmp_path / "leg.safetensors", state), tmp_path / "ours")
    assert sum(map(len, model.spec.context)) + model.spec.input_length == 230
    before, insert, after = model.spec.context[0], random_bases(200, 4), model.spec.context[1]
    x = torch.from_numpy(one_hot(insert)[None])
    whole = one_hot(before + insert + after)[[0, 2, 1, 3]].T.astype(float)  # A, G, C, T
    # what its authors predict: the mean over the whole construct and its reverse complement
    expected = [legnet_by_numpy(made.state_dict(), x) for x in (whole, whole[::-1, ::-1])]
    assert np.allclose(model(x)[0, :, 0].numpy(), np.mean(expected, axis=0), rtol=1e-4, atol=1e-4)


def test_a_legnet_that_was_trained_on_one_strand_reads_one(tmp_path):
    made = network("legnet", LEGNET)
    (tmp_path / "given").mkdir()
    save_state(tmp_path / "given" / "leg.safetensors", made.state_dict())
    (tmp_path / "given" / "config.json").write_text(json.dumps({"reverse_augment": False, "pool_sizes": [2, 2]}))
    model = converted(legnet.convert, tmp_path / "given", tmp_path / "ours")
    assert not model.members[0].network.both_strands
    assert model.spec.strand_rule == "forward"


def test_a_fifth_channel_tells_a_legnet_which_strand_it_reads():
    made = network("legnet", {**LEGNET, "in_channels": 5})
    x = torch.from_numpy(letters(64, 0).T[None]).float()
    marked = torch.cat([x.flip(1, 2), torch.ones(1, 1, 64)], dim=1)
    expected = made.mapper(made.main(made.stem(marked))).mean(2)
    assert torch.allclose(made._pooled(x.flip(1, 2), reverse=True), expected)


@pytest.mark.parametrize("convert", [bpnet.convert, chrombpnet.convert, legnet.convert])
def test_the_weights_of_something_else_are_refused(tmp_path, convert):
    path = save_state(tmp_path / "other.safetensors", {"weights": torch.zeros(3)})
    with pytest.raises(UserError, match=r"other.safetensors does not hold the weights of a"):
        converted(convert, path, tmp_path / "ours")


# ------------------------------------------------------------------------------------------------------------ the contract

EVERY = sorted({*registry.ARCHITECTURES, *(name for name in CASES if ":" in name)})
assert set(EVERY) <= set(CASES), "every architecture needs a case in tests/models/folders.py"
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
    ),
]


@pytest.fixture
def model(architecture, device, tmp_path, monkeypatch):
    """A small model of one architecture."""
    monkeypatch.setenv("CISLENS_ARCHITECTURES", "tests.colleague.network:Dilated")
    return registry.load_folder(write_case(tmp_path / "model", architecture)).to(device)


def windows(model, count=4):
    stack = [one_hot(random_bases(model.spec.input_length, seed)) for seed in range(count)]
    return torch.from_numpy(np.stack(stack)).to(next(model.parameters()).device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("architecture", EVERY)
def test_every_architecture_keeps_the_contract(model):
    """Shape, independence of other rows, repeatability, gradient, N."""
    x = windows(model)
    y = model(x)
    assert y.shape == (4, len(model.spec.tracks), model.spec.output_length)
    assert torch.equal(model(x), y)
    for row in range(4):
        assert torch.allclose(model(x[row : row + 1])[0], y[row], rtol=1e-5, atol=1e-5 * float(y.abs().max()))
    inside = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(inside).sum(), inside)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0
    unknown = x.clone()
    unknown[:, :, ::10] = 0
    assert torch.isfinite(model(unknown)).all()
    assert torch.isfinite(model(torch.zeros_like(x))).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("architecture", [name for name in EVERY if "context" not in CASES[name].more])
def test_every_architecture_without_a_construct_reads_both_strands_alike(model):
    """The reverse complement gets the same answer, bins turned and strands exchanged."""
    x = windows(model, 2)
    y, turned = model(x), model(x.flip(1, 2)).flip(2)
    assert torch.allclose(turned[:, model._swapped()], y, rtol=1e-4, atol=1e-5 * float(y.abs().max()))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("device", ["cuda"])
@pytest.mark.parametrize("architecture", EVERY)
def test_every_architecture_answers_alike_on_cuda(model):
    x = windows(model)
    y = model(x).cpu()
    assert torch.allclose(model.cpu()(x.cpu()), y, rtol=1e-4, atol=1e-4 * float(y.abs().max()))


@pytest.mark.parametrize("architecture", ["dragonn", "bpnet", "chrombpnet", "legnet"])
@pytest.mark.parametrize("device", ["cpu"])
def test_an_adapter_shows_its_features(model):
    features = model.embedding(windows(model, 3))
    assert features.ndim == 2
    assert len(features) == 3
    assert float((features[0] - features[1]).abs().max()) > 0


# ------------------------------------------------------------------------------------------------------- order of channels


def test_a_network_with_its_own_order_of_letters_is_given_its_own_order(tmp_path):
    plain = registry.load_folder(write_case(tmp_path / "plain", "dragonn"))
    other = registry.load_folder(write_case(tmp_path / "other", "dragonn", channels="TGCA"))
    x = windows(plain)
    assert torch.equal(other.members[0](x), plain.members[0](x[:, [3, 2, 1, 0]]))
    assert other.spec.model_id != plain.spec.model_id
    assert torch.equal(other.embedding(x), plain.embedding(x[:, [3, 2, 1, 0]]))


def test_a_wrapped_network_without_features_still_has_none():
    assert not hasattr(Reordered(torch.nn.Identity(), "AGCT"), "embed")


@pytest.mark.parametrize("channels", ["ACGU", "AACG", "ACG", "", 4])
def test_an_order_that_is_none_is_refused(tmp_path, channels):
    with pytest.raises(UserError, match="channels"):
        registry.read_folder(write_case(tmp_path / "model", "dragonn", channels=channels))
