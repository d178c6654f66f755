"""The files around the code say the same as the code: Makefile, Dockerfile, CI, README."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
INSTRUCTIONS = {"ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}


def docker_steps() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def test_the_dockerfile_uses_known_instructions_and_begins_with_its_base():
    steps = docker_steps()
    assert {name for name, _ in steps} <= INSTRUCTIONS
    assert next(name for name, _ in steps if name != "ARG") == "FROM"


def test_the_image_is_set_up_by_the_makefile_and_does_not_run_as_root():
    steps = docker_steps()
    names = [name for name, _ in steps]
    setup = next(i for i, step in enumerate(steps) if step[0] == "RUN" and "make setup" in step[1])
    user = names.index("USER")
    assert user < setup
    assert steps[user][1] != "root"
    assert steps[-1][0] == "CMD"
    assert "cislens" in steps[-1][1]
    health = next(text for name, text in steps if name == "HEALTHCHECK")
    assert "/_stcore/health" in health


def test_every_target_that_help_promises_exists():
    help_text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "run", "test", "check", "train", "bench"):
        assert re.search(rf"make {target}\b", help_text)
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_ci_calls_the_readmes_own_command_last():
    assert (ROOT / ".ci/run").read_text().rstrip().endswith("exec make test")


def test_torch_is_pinned_exactly():
    assert "torch==2.13.0\n" in (ROOT / "requirements.txt").read_text()
