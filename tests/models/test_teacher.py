"""Learning from a teacher: what it is asked, what is learned, and what is taken over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from models.adapters.dragonn import DragoNN
from models.augment import reversed_codes
from models.loop import Schedule, fit
from models.reporter_task import constructs
from models.residual import Residual
from models.shuffle import N_CODE
from models.teacher import TeacherTask, digest_of, invented, lesson, take_over, taught


def teacher(seed: int = 0) -> DragoNN:
    torch.manual_seed(seed)
    return DragoNN(2, 30, (6, 6), (5, 5)).eval().requires_grad_(False)


def rows(n: int, seed: int = 0, length: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.int8)


def student(n_tracks: int, seed: int = 1) -> Residual:
    torch.manual_seed(seed)
    return Residual(n_tracks, filters=8, filter_length=5, widths=(8,), hidden=16, dropout=0.0)


def test_the_teacher_is_asked_at_the_start_the_middle_and_the_end_on_both_strands() -> None:
    one, codes = teacher(), rows(7)
    found = taught(one, codes, input_length=30)
    assert found.shape == (7, 3 * 2 + 2 * 6)
    for index, at in enumerate((0, 5, 10)):
        both = [
            one(constructs(strand[:, at : at + 30], ("", "")))[:, :, 0] for strand in (codes, reversed_codes(codes))
        ]
        np.testing.assert_allclose(found[:, 2 * index : 2 * index + 2], (both[0] + both[1]) / 2, rtol=1e-4, atol=1e-5)


def test_what_is_taught_does_not_depend_on_the_strand_shown() -> None:
    codes = rows(5)
    one, other = taught(teacher(), codes, input_length=30), taught(teacher(), reversed_codes(codes), input_length=30)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_invented_sequences_are_many_and_hold_every_training_insert() -> None:
    inserts, background = rows(50), rows(30, seed=2)
    found = invented(inserts, background, n=450, seed=3)
    assert found.shape == (450, 40)
    assert {row.tobytes() for row in inserts} <= {row.tobytes() for row in found}
    assert (found < N_CODE).all()
    np.testing.assert_array_equal(found, invented(inserts, background, n=450, seed=3))
    assert not np.array_equal(found, invented(inserts, background, n=450, seed=4))


def test_a_student_learns_what_the_teacher_says_and_hands_it_on() -> None:
    codes = rows(2000)
    targets = taught(teacher(), codes, input_length=30)
    targets = (targets - targets.mean(0)) / targets.std(0)
    task = TeacherTask(codes, targets, ("", ""), batch=50)
    pupil = fit(lambda: student(targets.shape[1]), task, Schedule("t", 4, 1e-2, 0.0, 0), member=0, say=lambda _: None)
    assert task.score(pupil) > task.score(student(targets.shape[1])) + 0.2
    heir = take_over(student(3, seed=9), pupil)
    x = constructs(codes[:4], ("", ""))
    torch.testing.assert_close(heir.eval().embed(x), pupil.embed(x))
    assert heir(x).shape == (4, 6, 1)


def test_labelling_is_done_once_and_again_for_another_teacher(tmp_path: Path) -> None:
    codes = rows(20, length=150)
    wide = DragoNN(2, 145, (4,), (5,)).eval().requires_grad_(False)
    first = lesson(wide, codes, cache=tmp_path)
    np.testing.assert_array_equal(first, lesson(wide, codes, cache=tmp_path))
    assert len(list(tmp_path.iterdir())) == 1
    lesson(DragoNN(2, 145, (4,), (5,)).eval().requires_grad_(False), codes, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    np.testing.assert_allclose(first.mean(0), 0, atol=1e-4)


def test_a_digest_names_the_weights() -> None:
    assert digest_of(None) == ""
    assert digest_of(student(2)) == digest_of(student(2))
    assert digest_of(student(2)) != digest_of(student(2, seed=5))
