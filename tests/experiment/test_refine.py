"""A refinement from plan to new model: the parent stays, a kill loses nothing, and the record says what happened."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from experiment import long_refine, refine, refine_child, refine_steps
from experiment.job_kinds import kind_of
from experiment.measurements import Reading
from experiment.refine import CANDIDATES, Plan, Refinement
from experiment.refine_rows import Table, read_tables, rows_of, weights_of
from experiment.refine_strategy import NAIVE, Strategy
from genome.errors import UserError
from models import intervals, registry, shift
from models.predict import Embeddings
from models.shift_build import direct
from models.shuffle import codes_of
from tests.experiment.refine_toys import WINDOW, rows, table, write_toy

TAB = "\t"
ANCHOR = ("a GATA site", "AC" * 8 + "GATA" + "TG" * 10)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A toy model, and a home that the tests of this module share."""
    found = tmp_path_factory.mktemp("refining")
    write_toy(found / "models")
    (found / "home").mkdir()
    return found


@pytest.fixture
def plan(place, monkeypatch) -> Plan:
    """The toy is told that CCGG lowers activity; what it knew is given too."""
    monkeypatch.setenv("CISLENS_MODELS", str(place / "models"))
    monkeypatch.setenv("CISLENS_HOME", str(place / "home"))
    torch.set_num_threads(1)
    new = refine.keep_table("new.tsv", table(420, word="CCGG", gain=-2.0, seed=11))
    old = refine.keep_table("old.tsv", table(420, seed=12))
    parent = registry.spec("toy-reporter").model_id
    return Plan(parent, "activity", "replay", new, (old,), (ANCHOR,), epochs=2, learning_rate=5e-3)


def finished(plan: Plan) -> tuple[Path, Refinement]:
    """Everything, step by step, in this process; what is there already is not done again."""
    where = refine.prepare(plan)
    found = refine_steps.bench(where)
    for index in range(len(refine_steps.steps(plan, 2))):
        refine_steps.run_step(found, index, lambda _: None)
    made = refine_steps.read_record(where)
    assert made is not None
    return where, made


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_a_refined_model_is_new_and_the_parent_is_what_it_was_byte_for_byte(plan, place):
    before = digests(place / "models" / "toy-reporter")
    where, made = finished(plan)
    assert digests(place / "models" / "toy-reporter") == before
    child = registry.read_folder(where / "model")
    assert child.model_id == made.child != made.parent == plan.parent
    assert child.name == "toy-reporter"
    assert child.n_members == 2
    assert "Refined from" in child.origin
    assert made.child not in child.card or "## Held-out scores" in child.card
    for section in ("## Data", "## Held-out scores", "## Strength", "## Limits"):
        assert section in child.card


def test_the_record_says_what_was_gained_what_was_forgotten_and_what_naive_would_have_done(plan):
    _, made = finished(plan)
    new, old = made.verdict.changes
    assert (new.name, new.new, old.name, old.new) == ("new.tsv", True, "old.tsv", False)
    assert new.low > 0
    assert old.naive != old.before  # the control was trained, and judged on the same rows
    assert new.naive != new.after
    searched = made.metrics["searched"]
    assert [Strategy(**{name: one[name] for name in made.metrics["chosen"]}) for one in searched] == [
        *CANDIDATES["replay"]
    ]
    best = max(searched, key=lambda one: one["early"])
    assert made.metrics["chosen"].items() <= best.items()
    assert len({refine.strength(one) for one in searched}) == len(searched)
    assert made.metrics["anchors"][0]["name"] == ANCHOR[0]
    assert made.data == (plan.new[1], plan.old[0][1])
    assert Refinement.from_json(made.to_json()) == made
    assert {"parent", "child", "strategy", "code_version", "seed", "accepted", "data"} <= made.to_json().keys()


def test_small_tables_are_gone_through_more_often_unless_the_plan_says_how_often(plan):
    said = refine_steps.bench(refine.prepare(plan))
    assert refine_steps.candidates(said) == CANDIDATES["replay"]
    assert refine_steps.passes(said, NAIVE) == plan.epochs
    usual = refine_steps.bench(refine.prepare(replace(plan, epochs=0)))
    per_pass = usual.new.train.n + usual.old[0].train.n
    for before, after in zip(CANDIDATES["replay"], refine_steps.candidates(usual), strict=True):
        assert replace(after, passes=before.passes) == before
        if before.passes:
            assert 0 <= after.passes * per_pass - refine_steps.LEAST_SHOWN < per_pass
            assert f"in each of {after.passes} passes" in refine.in_words(after)
        assert refine_steps._recipe(usual, after).epochs == (after.passes or refine_steps.USUAL_PASSES)
    large = replace(usual, old=usual.old * 100)  # of large tables one pass is enough
    assert refine_steps.candidates(large) == CANDIDATES["replay"]


def test_progress_is_a_share_of_the_passes_that_a_step_makes(plan):
    where = refine.prepare(replace(plan, bound=0.023))
    found, last = refine_steps.bench(where), len(CANDIDATES["replay"]) - 1
    kinds = [step.kind for step in refine_steps.steps(plan, 2)]
    assert [refine_steps.most_passes(found, kinds.index(kind)) for kind in ("search", "control", "fit")] == [2, 2, 2]
    assert refine_steps.most_passes(found, last) == CANDIDATES["replay"][last].passes == 1
    lines: list[str] = []
    refine_steps.run_step(found, last, lines.append)
    assert len(lines) == 1


def test_a_step_that_is_killed_goes_on_to_the_same_weights(plan, monkeypatch):
    """The child is killed after its first pass; started again it ends at the weights of a run that nobody stopped."""
    whole, _ = finished(plan)
    again = replace(plan, bound=0.021)  # another folder, the same fits
    where = refine.prepare(again)
    children: list[subprocess.Popen] = []

    class Watched(subprocess.Popen):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            children.append(self)

    def kill(done: float) -> None:
        if done > 0 and len(children) == 1:
            os.kill(children[0].pid, signal.SIGKILL)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    refine_child.run_apart(where, 0, kill)
    assert [child.returncode for child in children] == [-signal.SIGKILL, 0]
    name = next(path.name for path in sorted((where / "fits").glob("*.safetensors")))
    one, other = load_file(whole / "fits" / name), load_file(where / "fits" / name)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not list((where / "fits").glob("*.part"))


def test_a_child_that_is_refused_says_why(plan):
    where = refine.prepare(plan)
    (refine.home() / "refinements" / "tables" / plan.new[1]).rename(where / "away")
    try:
        with pytest.raises(UserError, match="not kept here any more"):
            refine_child.run_apart(where, 0)
    finally:
        (where / "away").rename(refine.home() / "refinements" / "tables" / plan.new[1])


def test_as_a_job_it_has_a_slice_for_each_step_and_its_result_is_the_record(plan):
    _, made = finished(plan)
    parameters, kind = long_refine.parameters_of(plan), kind_of("refinement")
    assert kind.slices(parameters, "") == len(refine_steps.steps(plan, 2)) == 9
    assert long_refine.read(kind.finish(parameters, "", [{"done": np.array(1)}] * 9)) == made


def test_a_new_head_adds_a_track_and_leaves_the_others(plan):
    where, made = finished(replace(plan, strategy="new head", track="second assay", old=(), epochs=3))
    child, parent = registry.load_folder(where / "model"), registry.load(plan.parent)
    assert [track.name for track in child.spec.tracks] == ["activity", "second assay"]
    x = torch.rand(3, 4, WINDOW)
    torch.testing.assert_close(child(x)[:, :1], parent(x), atol=1e-5, rtol=0)
    assert any("answer as before" in words for words in made.verdict.words)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"strategy": "ewc", "old": ()}, "needs rows"),
        ({"track": "another"}, "no track"),
        ({"anchors": (("short", "ACGT"),)}, "40 bp"),
        ({"strategy": "new head"}, "has a track"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_trained(plan, change, sentence):
    with pytest.raises(UserError, match=sentence):
        refine.prepare(replace(plan, **change))


def test_a_model_of_another_kind_is_refused(plan):
    other = registry.spec("tf-binding")
    with pytest.raises(UserError, match="cannot be refined here"):
        refine.prepare(replace(plan, parent=other.model_id, track=other.tracks[0].name))


def read(*files: bytes) -> tuple[Table, ...]:
    named = [(f"{index}.tsv", data) for index, data in enumerate(files)]
    return read_tables(named, registry.spec("toy-reporter"), "activity")


def sides(found: Table) -> list[set[int]]:
    return [set(getattr(found, part).clusters.tolist()) for part in ("train", "early", "calibration", "valid")]


def placed(data: bytes, place: Callable[[int], str]) -> bytes:
    head, *lines = data.decode().splitlines()
    return "\n".join([head, *(f"{line.rpartition(TAB)[0]}{TAB}{place(i)}" for i, line in enumerate(lines))]).encode()


def test_a_table_is_cut_up_without_a_place_on_two_sides(plan):
    (found,) = read(placed(table(420, seed=3), lambda i: f"p{i // 4}"))
    assert sum(map(len, sides(found))) == len(set.union(*sides(found))) == 105


@pytest.mark.parametrize("by", ["place", "words", "both"])
def test_what_judges_in_one_table_is_not_learned_from_in_another(plan, by):
    """Rows of the same places, or with the same sequences and no place, or one table of each."""
    new, old = table(420, seed=3), table(420, seed=4 if by == "place" else 3)
    if by != "place":
        new = placed(new, lambda i: "" if by == "words" or i % 2 else f"p{i}")
        old = placed(old, lambda _: "")
    first, second = read(new, old)
    joined = [one | other for one, other in zip(sides(first), sides(second), strict=True)]
    assert sum(map(len, joined)) == len(set.union(*joined)) == 420


def stated(data: bytes, valid: int) -> bytes:
    """A table whose first rows are stated to be valid."""
    head, *lines = data.decode().splitlines()
    said = [f"{line}{TAB}{'valid' if i < valid else 'train'}" for i, line in enumerate(lines)]
    return "\n".join([f"{head}{TAB}split", *said]).encode()


def test_rows_stated_to_be_valid_choose_calibrate_and_judge_and_no_others_do(plan):
    (found,) = read(stated(table(420, seed=3), 100))
    assert [getattr(found, part).n for part in ("train", "early", "calibration", "valid")] == [320, 20, 20, 60]
    assert set(found.train.clusters) == set(range(100, 420))
    assert found.stated


def test_a_row_stated_to_be_valid_takes_its_place_along_in_every_table(plan):
    first, second = read(stated(table(420, seed=3), 100), table(420, seed=4))
    assert [set(one) for one in sides(first)] == [set(one) for one in sides(second)]
    assert first.stated
    assert not second.stated


def test_places_of_a_table_that_states_nothing_are_drawn_beside_one_that_does(plan):
    """What the parent learned from by the one's word is not what judges in the other."""
    other = placed(table(420, seed=4), lambda i: f"p{i}" if i < 300 else f"q{i}")
    first, second = read(stated(table(420, seed=3), 100), other)
    assert first.valid.n == 60
    assert not set(second.valid.clusters) & set(first.train.clusters)
    assert 60 < second.valid.n < 90  # those of the places that are valid elsewhere, and a share of its own


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"name\tsequence\n", "lacks the column value"),
        (b"name,sequence,value\na,ACGT,1\n", "usable rows"),
        (b"\x1f\x8b broken", "damaged"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(plan, data, sentence):
    with pytest.raises(UserError, match=sentence):
        read(data)


def test_rows_that_cannot_be_used_are_counted_by_reason(plan):
    more = f"long\t{'A' * 41}\t1\tx\nodd\tAC-GT\t1\tx\nnone\t{'A' * 40}\tNA\tx\nshort\tACGT\t1\tx\n"
    (found,) = read(table(420, seed=3) + more.encode())
    assert sum(found.dropped.values()) == 4
    assert found.dropped["without a value"] == 1


def test_a_noisy_row_counts_less_and_a_table_without_sd_counts_alike():
    assert weights_of([None, None], 1.0).tolist() == [1.0, 1.0]
    sure, noisy = weights_of([0.1, 2.0], 1.0)
    assert 0 < noisy < sure <= 1


def test_replicates_of_an_element_become_their_mean_whichever_of_them_it_has():
    """One replicate reads everything higher by one; half of the elements have no value in it."""
    bases, values = rows(200, seed=5)
    readings = [
        Reading(f"e{i}", b, str(r), float(v) + r)
        for r in (0, 1, 2)
        for i, (b, v) in enumerate(zip(bases, values, strict=True))
        if r != 1 or i % 2
    ]
    found = rows_of(readings)
    apart = np.array([row.value for row in found]) - values
    assert [row.name for row in found] == [f"e{i}" for i in range(200)]
    assert apart.std() < 1e-6  # nothing hangs on which replicates an element has
    assert all(row.sd is not None and row.sd >= 0 for row in found)


def test_intervals_of_a_refined_model_are_its_own(plan):
    where, made = finished(plan)
    path = where / "model" / intervals.FILE
    assert path.is_file() == made.metrics["intervals"]
    if path.is_file():
        assert intervals.read(path, made.child).model_id == made.child


def test_a_refined_model_knows_what_its_training_sequences_are_like(plan):
    """Sequences of the same kind are called like them as often as is stated, and one-letter ones are not."""
    new = refine.keep_table("many.tsv", table(1_700, word="CCGG", gain=-2.0, seed=21))
    old = refine.keep_table("before.tsv", table(1_700, seed=22))
    where, made = finished(replace(plan, new=new, old=(old,), strategy="head", epochs=1))
    assert made.metrics["reference"]
    spec = registry.load_folder(where / "model").spec
    reference = shift.read_reference(where / "model" / shift.FILE, spec)
    assert reference.model_id == made.child
    strange = np.stack([codes_of("A" * WINDOW), codes_of("CG" * (WINDOW // 2))])
    codes = np.concatenate([np.stack([codes_of(one) for one in rows(300, seed=23)[0]]), strange])
    run = direct(registry.load_folder(where / "model"))
    found = shift.judge(reference, codes, run(Embeddings(), (shift.encoded(codes),))[0])
    said = [one.standing for one in found]
    assert said[-2:] == ["unlike", "unlike"]
    assert said[:-2].count("unlike") < 0.1 * 300
    assert "judged by the rows of the tables above" in (where / "model" / "card.md").read_text()


def test_without_the_old_tables_nobody_knows_what_the_training_sequences_were_like(plan):
    where, made = finished(replace(plan, old=(), strategy="head", epochs=1))
    assert not made.metrics["reference"]
    assert not (where / "model" / shift.FILE).exists()
    assert "that takes the tables that the parent learned from" in (where / "model" / "card.md").read_text()
