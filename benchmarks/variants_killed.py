"""100,000 variants by the command line: killed with -9 halfway and taken up again, beside a run that nobody touched.

``python -m benchmarks.variants_killed [count]`` writes variants_killed.json. The genome is a megabase of random DNA,
the model has one member; memory is the most that any of the processes held.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.variants_memory import MODELS, PROMISED_GB, random_bases, variants
from genome.source import MemoryGenome
from models import registry

RESULTS = Path(__file__).with_name("variants_killed.json")
COUNT, LENGTH = 100_000, 1_000_000


def main() -> None:
    """Both runs, the killed one first."""
    count = int(sys.argv[1]) if sys.argv[1:] else COUNT
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = _written(folder, count)
        killed, whole = folder / "killed.tsv", folder / "whole.tsv"
        done = _killed_halfway(folder, source, killed, count)
        seconds = [_run(folder, source, out) for out in (killed, whole)]
        digests = [hashlib.sha256(out.read_bytes()).hexdigest() for out in (killed, whole)]
        rows = sum(not line.startswith(("#", "chrom\t")) for line in whole.read_text().splitlines())
    found = {
        "model": registry.spec(MODELS[0]).model_id,
        "variants": count,
        "rows_written": rows,
        "done_when_killed": done,
        "identical": digests[0] == digests[1],
        "sha256": digests[1],
        "seconds_after_the_kill": seconds[0],
        "seconds_whole": seconds[1],
        "peak_gb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6, 3),
        "promised_gb": PROMISED_GB,
    }
    print(found)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def _written(folder: Path, count: int) -> Path:
    """A FASTA and a VCF of that many single-letter changes."""
    bases = random_bases(LENGTH)
    (folder / "random.fa").write_text(f">c\n{bases}\n")
    genome = MemoryGenome("random", {"c": bases}, build="none", synthetic=True)
    lines = (f"{row.chrom}\t{row.position}\t.\t{row.ref}\t{row.alt}\t.\t.\t.\n" for row in variants(genome, count))
    source = folder / "in.vcf"
    with source.open("w") as out:
        out.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        out.writelines(lines)
    return source


def _started(folder: Path, source: Path, out: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "app.cli", "variants", str(source), "--model", MODELS[0], "--genome", "hg19"]
    surroundings = os.environ | {"CISLENS_HOME": str(folder / "home"), "CISLENS_GENOME_HG19": str(folder / "random.fa")}
    return subprocess.Popen([*words, "--out", str(out)], env=surroundings, stderr=subprocess.DEVNULL)


def _run(folder: Path, source: Path, out: Path) -> float:
    start, process = time.perf_counter(), _started(folder, source, out)
    if process.wait():
        raise RuntimeError(f"the run of {out.name} ended with code {process.returncode}")
    return round(time.perf_counter() - start, 1)


def _killed_halfway(folder: Path, source: Path, out: Path, count: int) -> int:
    """Kills a run when half of its chunks are on the disk; how many there were."""
    process = _started(folder, source, out)
    while (done := len(list(folder.glob(f"{out.name}*/*.npz")))) * 1_024 < count / 2:
        if process.poll() is not None:
            raise RuntimeError(f"the run was over (code {process.returncode}) before it was half done")
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if out.exists():
        raise RuntimeError("a killed run left a table behind")
    return done * 1_024


if __name__ == "__main__":
    main()
