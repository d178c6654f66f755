"""The shape of the house: layers, sizes, one door to each library, nothing dangerous, nothing heavy at import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("genome", "models", "interpret", "experiment", "app")  # each imports only what stands to its left
PRODUCT = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
NAMES = {path: path.relative_to(ROOT).as_posix() for path in PRODUCT}
TREES = {path: ast.parse(path.read_text()) for path in PRODUCT}

WITHOUT_STREAMLIT = {
    f"app/{name}.py"
    for name in (
        "view",
        "compute",
        "compute_jobs",
        "limits",
        "compute_shift",
        "compute_trust",
        "cli",
        "export",
        "score",
        "cache",
        "settings",
        "answer",
        "background_cli",
        "atlas_cli",
        "compute_motifs",
        "models_table",
        "side_by_side",
        "compute_whatif",
        "compute_question",
        "compute_atlas",
        "atlas_record",
        "question",
        "whatif_record",
        "compute_mutagenesis",
        "export_substitutions",
        "compute_measured",
        "export_measured",
        "export_regions",
        "regions_cli",
        "variant_question",
        "compute_variant",
        "compute_variant_motifs",
        "variant_record",
        "compute_variants",
        "compute_uploads",
        "variant_list",
        "variant_table",
        "variant_vcf",
        "variants_run",
        "variants_cli",
        "store_cli",
        "lineage_table",
        "compute_store",
        "compute_design",
        "compute_design_guides",
        "design_cli",
        "design_lists",
        "design_question",
        "compute_acquire",
        "acquire_cli",
        "compute_refine",
        "compute_project",
        "today",
        "refine_cli",
    )
}
ONE_DOOR = {  # library -> what alone may import it
    "captum": {"models/check.py"},  # the second opinion on a stranger's network; else a peer of tests and benchmarks
    "tangermeme": set(),
    "pyfaidx": {"genome/fasta.py"},
    "logomaker": {"app/figures/logos.py"},
    "pyjaspar": {"interpret/jaspar.py"},
    "pooch": {"genome/fetch.py"},
    "pybigtools": {"genome/bigwig.py", "genome/intervals.py"},  # writing, and reading what people upload
    "h5py": {"models/adapters/dragonn.py"},
    "dbos": {"experiment/durable.py"},
    "crepes": {"models/intervals.py", "models/shift_kinds.py"},
    "memelite": {"interpret/motifs.py"},
    "modiscolite": {"interpret/modisco.py"},
    "pysam": {"genome/variant_index.py"},
    "pyarrow": {"app/variant_table.py"},
    "sqlalchemy": {
        "experiment/store.py",
        "experiment/store_backup.py",
        "experiment/store_database.py",
        "experiment/store_lineage.py",
        "experiment/store_records.py",
        "experiment/store_tables.py",
        "experiment/migrations/versions/r0001_first_tables.py",
    },
    "alembic": {"experiment/store_database.py", "experiment/migrations/versions/r0001_first_tables.py"},
    "skactiveml": {"experiment/activeml.py"},
}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 400
HOLLOW_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager", "service", "handler"}


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of everything a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are written in full"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(TREES[path])}


def test_there_is_something_to_check():
    assert len(PRODUCT) > 20
    assert {path.relative_to(ROOT).parts[0] for path in PRODUCT} >= {"genome", "models", "interpret", "app"}


def test_each_layer_imports_only_what_stands_to_its_left():
    wrong = [
        f"{NAMES[path]} imports {package}"
        for path in PRODUCT
        for package in packages(path) & set(LAYERS)
        if LAYERS.index(package) > LAYERS.index(path.relative_to(ROOT).parts[0])
    ]
    assert wrong == []


def test_the_product_never_imports_its_tests():
    assert [NAMES[path] for path in PRODUCT if packages(path) & {"tests", "benchmarks", "pytest", "hypothesis"}] == []


def test_streamlit_appears_only_on_the_page():
    wrong = [
        NAMES[path]
        for path in PRODUCT
        if "streamlit" in packages(path)
        and (not NAMES[path].startswith("app/") or "app/figures/" in NAMES[path] or NAMES[path] in WITHOUT_STREAMLIT)
    ]
    assert wrong == []


def test_what_must_do_without_streamlit_does_not_reach_it_by_a_detour():
    by_module = {NAMES[path].removesuffix(".py").replace("/", "."): path for path in PRODUCT}
    starts = [path for path in PRODUCT if NAMES[path] in WITHOUT_STREAMLIT or "app/figures/" in NAMES[path]]
    for start in starts:
        seen, todo = set(), [start]
        while todo:
            path = todo.pop()
            if path in seen:
                continue
            seen.add(path)
            assert "streamlit" not in packages(path), f"{NAMES[start]} reaches streamlit through {NAMES[path]}"
            todo += [by_module[name] for name in imported(TREES[path]) if name in by_module]


@pytest.mark.parametrize("library", ONE_DOOR)
def test_each_library_lives_behind_one_file(library):
    users = {NAMES[path] for path in PRODUCT if library in packages(path)}
    assert users <= ONE_DOOR[library]


def test_the_genome_browser_lives_in_its_component():
    wrong = [
        NAMES[path]
        for path in PRODUCT
        if re.search(r"igv(\.esm|\.min|_assets)", path.read_text()) and not NAMES[path].startswith("app/components/")
    ]
    assert wrong == []


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_no_function_is_longer_than_sixty_lines():
    wrong = [
        f"{NAMES[path]}:{node.lineno} {node.name}"
        for path in PRODUCT
        for node in functions(TREES[path])
        if (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert wrong == []


def test_no_module_is_longer_than_four_hundred_lines():
    assert [NAMES[path] for path in PRODUCT if len(path.read_text().splitlines()) > MAX_MODULE_LINES] == []


def test_every_module_has_a_name_that_says_something():
    assert [NAMES[path] for path in PRODUCT if path.stem.lower() in HOLLOW_NAMES] == []


def test_no_file_of_the_app_hides_a_module_of_the_language_or_a_package_of_ours():
    """`streamlit run` puts app/ first on the import path."""
    stems = {path.stem for path in (ROOT / "app").glob("*.py")} - {"__init__"}
    folders = {path.name for path in (ROOT / "app").iterdir() if path.is_dir()}
    assert not (stems | folders) & (set(sys.stdlib_module_names) | set(LAYERS) - {"app"})
    assert "pages" not in folders


def test_every_module_and_public_function_says_what_it_is():
    missing = [NAMES[path] for path in PRODUCT if TREES[path].body and not ast.get_docstring(TREES[path])]
    for path in PRODUCT:
        missing += [
            f"{NAMES[path]}:{node.lineno} {node.name}"
            for node in TREES[path].body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    assert missing == []


def dangers(tree: ast.AST) -> Iterator[str]:
    """What could run somebody else's code."""
    yield from (f"import {name}" for name in imported(tree) if name.partition(".")[0] in FORBIDDEN_MODULES)
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield "bare except"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in ("eval", "exec", "compile", "__import__", "os.system", "os.popen") or called == "torch.load":
            yield called
        for keyword in node.keywords:
            value = getattr(keyword.value, "value", None)
            if keyword.arg in ("shell", "allow_pickle") and value is not False:
                yield f"{called}({keyword.arg}=...)"
            if keyword.arg == "weights_only" and value is not True:
                yield f"{called}({keyword.arg}=...)"


def test_nothing_can_run_code_that_came_with_data():
    assert [f"{NAMES[path]}: {danger}" for path in PRODUCT for danger in dangers(TREES[path])] == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "eval(x)",
        "exec(x)",
        "torch.load(p)",
        "subprocess.run(c, shell=True)",
        "np.load(p, allow_pickle=True)",
        "try:\n    f()\nexcept:\n    pass",
    ],
)
def test_each_danger_would_be_seen(code):
    assert list(dangers(ast.parse(code)))


def test_a_model_that_is_put_in_evaluation_mode_is_no_danger():
    assert list(dangers(ast.parse("model.eval()\nnp.load(p, allow_pickle=False)"))) == []


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


IMPORT_ALL = """
import importlib, socket, sys, threading
def refuse(*_, **__):
    raise AssertionError("the network was reached at import")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
before = threading.active_count()
for name in {names!r}:
    importlib.import_module(name)
    assert threading.active_count() == before, name + " starts a thread"
heavy = [name for name in ("h5py", "captum", "tangermeme", "memelite", "modiscolite", "numba", "pyjaspar", "logomaker", "pysam", "pyarrow", "skactiveml", "sklearn") if name in sys.modules]
assert not heavy, heavy
"""


def test_importing_starts_no_thread_reaches_no_network_and_loads_nothing_heavy():
    pages = ("app/main.py", "app/server.py", "app/screens/", "app/components/", "app/widgets.py")
    names = [
        NAMES[path].removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in PRODUCT
        if not NAMES[path].startswith(pages)
    ]
    run_python(IMPORT_ALL.format(names=names))


def test_the_queue_of_jobs_is_loaded_in_the_background_only():
    loaded = run_python("import sys, app.compute_jobs, experiment.jobs; print('dbos' in sys.modules)")
    assert loaded.strip() == "False"


def test_importing_makes_no_folder(own_home):
    run_python("import app.compute, genome.catalog, interpret.trust")
    assert list(own_home.iterdir()) == []


def test_the_command_line_answers_before_torch_is_loaded():
    loaded = run_python("import sys, app.cli; print([m for m in ('torch', 'numpy', 'streamlit') if m in sys.modules])")
    assert loaded.strip() == "[]"


def our_files() -> list[Path]:
    """Everything that is or will be tracked."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_no_file_names_the_machine_it_was_written_on():
    """The one exception is where continuous integration looks for the data."""
    data = "shared" + "/data"
    machine = re.compile("/" + "work/" + "|" + "shared" + "/(?:data|design)|/" + "root/")
    wrong = []
    for path in our_files():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in (".png", ".gz", ".safetensors", ".npz", ".bw", ".ico"):
            continue
        text = path.read_text(encoding="utf-8")
        if name == ".ci/run":
            text = text.replace(f"../{data}", "")
        wrong += [f"{name}: {found}" for found in machine.findall(text)]
    assert wrong == []


def test_nothing_of_the_measured_data_nor_a_pickle_is_kept_here():
    names = [path.name for path in our_files()]
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".bin"))]
    assert max(path.stat().st_size for path in our_files()) < 20_000_000
