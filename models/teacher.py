"""Learning from a published network first: MPRA-DragoNN labels any number of sequences, a handful of elements do not suffice.

Distillation (Hinton, Vinyals, Dean 2015, arXiv 1503.02531): a network first learns to say what MPRA-DragoNN (Movva et al.
2019), trained on half a million elements of another reporter assay, says of sequences that nobody measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models.adapters.dragonn import DragoNN
from models.augment import reversed_codes
from models.binding_data import Codes
from models.fit import encoded
from models.reporter_task import constructs
from models.shuffle import shuffle_codes

Float = npt.NDArray[np.float32]

N_MUTATED = 20  # letters changed at random in a mutated insert
KEPT_BACK = 0.03  # share of the labelled sequences that choose the best pass


def invented(inserts: Codes, background: Codes, *, n: int, seed: int) -> Codes:
    """Sequences for the teacher to label: training inserts, their mutants, crosses of two, shuffles, and background.

    Args:
        inserts: int8 (rows, length), training rows only.
        background: int8 (windows, length), genome that no test row comes from.
        n: how many in all.
        seed: of the draws.

    Returns:
        int8 (n, length), in random order.
    """
    random = np.random.default_rng(seed)
    length = inserts.shape[1]
    quarter = max((n - len(inserts)) // 4, 0)

    def drawn(rows: Codes) -> Codes:
        return rows[random.integers(0, len(rows), quarter)]

    mutants = drawn(inserts).copy()
    np.put_along_axis(
        mutants,
        random.integers(0, length, (quarter, N_MUTATED)),
        random.integers(0, 4, (quarter, N_MUTATED)).astype(np.int8),
        axis=1,
    )
    cut = random.integers(length // 5, 4 * length // 5, (quarter, 1))
    crosses = np.where(np.arange(length) < cut, drawn(inserts), drawn(inserts))
    shuffles = shuffle_codes(drawn(inserts), seed=int(random.integers(2**31)))
    everything = np.concatenate([inserts, mutants, crosses, shuffles, drawn(background)])[:n]
    return np.asarray(everything[random.permutation(len(everything))], dtype=np.int8)


@torch.no_grad()
def taught(teacher: DragoNN, inserts: Codes, *, input_length: int = 145) -> Float:
    """What the teacher says of inserts (n, length): float32 (n, targets), the mean over strands.

    Targets are its tasks with its window at the start, the middle and the end of the insert, and its last features'
    mean and maximum over the whole insert.
    """
    last = inserts.shape[1] - input_length
    parts = []
    for start in range(0, len(inserts), 128):
        part = inserts[start : start + 128]
        answers = []
        for strand in (part, reversed_codes(part)):
            features = teacher.features(encoded(strand))  # (n, filters, places)
            places = features.shape[2] - last
            tasks = [
                teacher.dense(features[:, :, at : at + places].transpose(1, 2).flatten(1))
                for at in (0, last // 2, last)
            ]
            answers.append(torch.cat([*tasks, features.mean(2), features.amax(2)], dim=1))
        parts.append((answers[0] + answers[1]) / 2)
    return torch.cat(parts).numpy()


@dataclass(frozen=True)
class TeacherTask:
    """Sequences and what the teacher says of them.

    Attributes:
        codes: int8 (n, length).
        targets: float32 (n, targets), standardised.
        context: letters before and after the insert.
        batch: rows per step.
    """

    codes: Codes
    targets: Float
    context: tuple[str, str]
    batch: int = 128

    @property
    def n_kept_back(self) -> int:
        return round(KEPT_BACK * len(self.codes))

    @property
    def fingerprint(self) -> dict[str, Any]:
        content = hashlib.sha256(self.codes.tobytes() + self.targets.tobytes())
        return {"taught": content.hexdigest()[:12], "batch": self.batch}

    def steps(self) -> int:
        return (len(self.codes) - self.n_kept_back) // self.batch

    def batches(self, seed: np.random.SeedSequence) -> Iterator[tuple[Tensor, Tensor]]:
        random = np.random.default_rng(seed)
        order = self.n_kept_back + random.permutation(len(self.codes) - self.n_kept_back)
        for start in range(0, self.steps() * self.batch, self.batch):
            picked = order[start : start + self.batch]
            yield constructs(self.codes[picked], self.context), torch.from_numpy(self.targets[picked])

    def loss(self, answer: Tensor, labels: Tensor) -> Tensor:
        return ((answer[:, : labels.shape[1], 0] - labels) ** 2).mean()

    def score(self, module: nn.Module) -> float:
        """Minus the mean squared error on the sequences kept back: 0 is perfect, -1 is the mean."""
        module.eval()
        kept = slice(0, self.n_kept_back)
        with torch.no_grad():
            errors = [
                (
                    (module(constructs(codes, self.context))[:, : targets.shape[1], 0] - torch.from_numpy(targets)) ** 2
                ).mean(1)
                for codes, targets in zip(_split(self.codes[kept]), _split(self.targets[kept]), strict=True)
            ]
        return -float(torch.cat(errors).mean())


def lesson(teacher: DragoNN, codes: Codes, *, cache: Path) -> Float:
    """The teacher's standardised answers for codes (n, length), kept in a file, for labelling takes minutes."""
    digest = hashlib.sha256(codes.tobytes() + teacher.dense.weight.detach().numpy().tobytes()).hexdigest()[:12]
    path = cache / f"taught-{digest}.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
    answers = taught(teacher, codes)
    standard: Float = (answers - answers.mean(0)) / (answers.std(0) + 1e-6)
    cache.mkdir(parents=True, exist_ok=True)
    np.save(path, standard, allow_pickle=False)
    return standard


def take_over(student: nn.Module, pupil: nn.Module) -> nn.Module:
    """Gives a network everything that another of the same family learned, but for its last layer."""
    learned = {
        name: value
        for name, value in pupil.state_dict().items()
        if not name.startswith(("head.mean.", "head.log_variance.", "head.centre", "head.scale"))
    }
    student.load_state_dict(learned, strict=False)
    return student


def digest_of(network: nn.Module | None) -> str:
    """12 hex of SHA-256 over a network's weights; empty for none."""
    if network is None:
        return ""
    content = b"".join(value.numpy().tobytes() for value in network.state_dict().values())
    return hashlib.sha256(content).hexdigest()[:12]


def _split(rows: Any) -> list[Any]:
    return [rows[start : start + 256] for start in range(0, len(rows), 256)]
