"""``python -m experiment.refine_child FOLDER STEP``: one step of a refinement in a process of its own, of low priority.

The server starts it, reads its lines, and may end it at any time, as may the system: each pass of a fit and each finished
fit is on the disk, and the same step started again goes on from there. It ends by itself when its parent does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from genome.errors import UserError
from models.engine import BATCH_NICENESS, Progress

_TRIES = 3  # of a step that the system killed
_MISTAKE = 2  # exit code of a person's mistake, whose sentence stands on the last line


def run_apart(where: Path, step: int, progress: Progress | None = None) -> None:
    """Does one step of the refinement in a folder, in a child process; what is done already is not done again.

    Args:
        where: folder of the refinement.
        step: index among its steps.
        progress: called with the share of the step that is done; when it raises, the child is ended.

    Raises:
        UserError: when the refinement cannot be done.
        RuntimeError: when the child fails in a way that nobody foresaw, or is killed again and again.
    """
    for _ in range(_TRIES):
        code, told = _run_once(where, step, progress)
        if code == 0:
            return
        if code == _MISTAKE:
            raise UserError(told or "The refinement cannot be done.")
        if code > 0:
            raise RuntimeError(f"step {step} of a refinement ended with code {code}: {told[-400:]}")
    raise RuntimeError(f"step {step} of a refinement was killed {_TRIES} times; is there enough memory?")


def _run_once(where: Path, step: int, progress: Progress | None) -> tuple[int, str]:
    """Exit code and the last line of standard error."""
    command = [sys.executable, "-m", "experiment.refine_child", str(where), str(step)]
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": root}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=root
    ) as child:  # fmt: skip
        try:
            errors: list[str] = []
            reader = threading.Thread(target=lambda: errors.extend(child.stderr or ()), daemon=True)
            reader.start()
            for line in child.stdout or ():
                if progress is not None and line.startswith("{"):
                    progress(float(json.loads(line)["done"]))
            code = child.wait()
            reader.join()
        except BaseException:
            child.kill()
            raise
    return code, errors[-1].strip() if errors else ""


def main(arguments: list[str]) -> int:
    """The child itself."""
    where, step = Path(arguments[0]), int(arguments[1])
    os.nice(BATCH_NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    from experiment import refine_steps
    from models.lease import leased

    torch.set_num_threads(1)
    try:
        with leased(lambda: _tell(0.0)):
            found = refine_steps.bench(where)
            done, wanted = [0], refine_steps.most_passes(found, step)

            def say(_: str) -> None:
                done[0] += 1
                _tell(min(0.99, done[0] / wanted))

            refine_steps.run_step(found, step, say)
    except UserError as error:
        print(error, file=sys.stderr)
        return _MISTAKE
    return 0


def _tell(done: float) -> None:
    print(json.dumps({"done": done}), flush=True)


def _end_with_parent() -> None:
    """Standard input is a pipe that nobody writes to: it ends when the parent is gone."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
