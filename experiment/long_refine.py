"""A refinement as a job: its steps are the slices, each in a child process; the result is the record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from experiment import refine, refine_child, refine_steps
from experiment.job_files import Arrays, Parameters
from experiment.job_kinds import Kind, Work
from experiment.refine import Plan, Refinement
from genome.errors import UserError
from genome.home import home
from models import registry

KIND_NAME = "refinement"


def parameters_of(plan: Plan) -> Parameters:
    """What names the job of a plan."""
    return {"refinement": plan.digest, "model": plan.parent}


def slices(parameters: Parameters, bases: str) -> int:
    """How many steps the plan has."""
    del bases
    plan = refine.plan_in(folder_of(parameters))
    return len(refine_steps.steps(plan, registry.spec(plan.parent).n_members))


def run_slice(work: Work, index: int) -> Arrays:
    """Does one step; its files lie in the refinement's folder, and the slice says only that it is done."""
    refine_child.run_apart(folder_of(work.parameters), index, work.progress)
    return {"done": np.array(1)}


def finish(parameters: Parameters, bases: str, parts: Seq[Arrays | None]) -> Arrays:
    """The record as the bytes of its JSON; of a part of the steps only how many are done."""
    del bases
    done = np.array(sum(part is not None for part in parts))
    made = refine_steps.read_record(folder_of(parameters))
    if made is None:
        return {"done": done}
    return {"done": done, "record": np.frombuffer(json.dumps(made.to_json()).encode(), np.uint8)}


def read(arrays: Mapping[str, npt.NDArray[Any]]) -> Refinement | None:
    """The refinement of a job's result; None before it is finished."""
    if "record" not in arrays:
        return None
    return Refinement.from_json(json.loads(arrays["record"].tobytes()))


def folder_of(parameters: Parameters) -> Path:
    """Where the refinement of a job lies."""
    digest = str(parameters["refinement"])
    if len(digest) != 40 or not set(digest) <= set("0123456789abcdef"):
        raise UserError("This job names no refinement; remove it.")
    return home() / "refinements" / digest


KIND = Kind(KIND_NAME, slices, run_slice, finish)
