"""Which models there are and which track answers to a person's words: rows, facts and sentences. No Streamlit here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from models import registry
from models.core import ModelSpec, Track

# Names of one and the same thing, as people write them. Nothing here says that one tissue stands for another.
SYNONYMS: tuple[frozenset[str], ...] = (
    frozenset({"ipsc", "ips", "hipsc", "wtc11"}),
    frozenset({"pu1", "spi1"}),
    frozenset({"mpra", "lentimpra", "reporter"}),
    frozenset({"chip", "chipseq"}),
    frozenset({"atac", "atacseq", "accessibility"}),
    frozenset({"dnase", "dnaseseq", "accessibility"}),
)

# Tissues whose name people type, the cell line that came from them, and why it is not the same.
LINES_FROM: dict[str, tuple[str, str]] = {
    "liver": ("hepg2", "HepG2 is a cell line from a liver tumour, not liver"),
    "hepatocyte": ("hepg2", "HepG2 is a cell line from a liver tumour, not a hepatocyte"),
    "blood": ("k562", "K562 is a leukaemia cell line, not blood"),
    "leukaemia": ("k562", "K562 is one leukaemia cell line"),
    "leukemia": ("k562", "K562 is one leukaemia cell line"),
    "erythroid": ("k562", "K562 is a leukaemia cell line with erythroid features"),
    "skin": ("wtc11", "WTC11 are stem cells made from skin cells, not skin"),
    "fibroblast": ("wtc11", "WTC11 are stem cells made from fibroblasts, not fibroblasts"),
}
# Words of a question that say nothing about a track.
_QUESTION = """a an and any are at binding cell cellular data do for from have here i in is it line me model my of on one or
    predict prediction show tell that the there tissue to track trained type was what which with you"""
_EMPTY_WORDS = frozenset(_QUESTION.split())
_NEAREST = 4
_ALIKE = 0.75
_SEPARATORS = re.compile(r"[\s,;/()|]+")
_LONGEST_QUERY = 200
SCORES = "scores.json"
SATURATION = "saturation.json"  # how well measured effects of changes are predicted, beside other models
FAITHFULNESS = "faithfulness.json"  # how well each method of attribution finds the bases that matter


@dataclass(frozen=True)
class Row:
    """One track of one model.

    Attributes:
        spec: the model.
        track: the track.
    """

    spec: ModelSpec
    track: Track


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        rows: the tracks that fit every word, in the models' order; all of them when nothing was asked.
        sentence: what to say about it; empty when nothing was asked.
        nearest: tracks that come near when none fits.
    """

    rows: tuple[Row, ...]
    sentence: str = ""
    nearest: tuple[Row, ...] = ()


def rows(specs: Iterable[ModelSpec]) -> tuple[Row, ...]:
    """Every track of every model."""
    return tuple(Row(spec, track) for spec in specs for track in spec.tracks)


def search(typed: str, specs: Iterable[ModelSpec]) -> Found:
    """Finds tracks by assay, cell type or any word of their name and their model's.

    A track fits when it has every word that says something ("which model for my cell type" says nothing); a word fits
    the beginning of a word, its synonyms count, and writing does not ("PU.1", "pu1", "SPI1").
    """
    everything = rows(specs)
    typed = " ".join(typed[:_LONGEST_QUERY].split())
    written = {word: shown for shown in _SEPARATORS.split(typed) for word in _words(shown) if word not in _EMPTY_WORDS}
    if not written:
        return Found(everything)
    fitting = tuple(row for row in everything if all(_fits(word, row) for word in written))
    if fitting:
        names = list(dict.fromkeys(row.spec.name for row in fitting))
        count = f"{len(fitting):,} track{'s' if len(fitting) > 1 else ''}"
        fits = "fit" if len(fitting) > 1 else "fits"
        return Found(fitting, f"{count} of {_listed(names)} {fits} “{typed}”.{_cautions(written, fitting)}")
    return _nothing_fits(written, everything)


def _nothing_fits(written: Mapping[str, str], everything: tuple[Row, ...]) -> Found:
    """Says which words no track has, and what comes nearest; ``written`` holds each word as it was typed."""
    unknown = [word for word in written if not any(_fits(word, row) for row in everything)]
    lines = [LINES_FROM[word][0] for word in unknown if word in LINES_FROM]
    related = [row for line in lines for row in everything if _fits(line, row)]
    nearest = tuple(dict.fromkeys([*related, *_most_alike(written, everything)]))[:_NEAREST]
    if unknown:
        first = f"No model here was trained on {_listed([written[word] for word in unknown], 'or')}."
    else:
        first = f"No track here is {_listed(list(written.values()))} at once."
    named = list(dict.fromkeys(_described(row.track) for row in nearest or everything))[:_NEAREST]
    near = f"The nearest {'are' if len(named) > 1 else 'is'}" if nearest else "The models here predict"
    told = f" {near} {_listed(named)}." if named else " There is no model here yet."
    return Found((), first + told + _cautions(unknown, everything), nearest)


def _cautions(words: Iterable[str], found: Sequence[Row]) -> str:
    """What to know of the cell lines among the tracks that came from a tissue somebody asked for."""
    lines = dict.fromkeys(LINES_FROM[word] for word in words if word in LINES_FROM)
    return "".join(f" {why}." for line, why in lines if any(_fits(line, row) for row in found))


def _most_alike(words: Iterable[str], everything: tuple[Row, ...]) -> list[Row]:
    """Tracks with some of the words, or with words written alike, best first."""
    likeness = [(sum(_likeness(word, row) for word in words), row) for row in everything]
    return [row for score, row in sorted(likeness, key=lambda pair: -pair[0]) if score >= _ALIKE]


def _likeness(word: str, row: Row) -> float:
    if _fits(word, row):
        return 1.0
    ratios = [SequenceMatcher(None, word, other).ratio() for other in _own_words(row.track) if len(other) > 2]
    best = max(ratios, default=0.0)
    return best if best >= _ALIKE else 0.0


def _fits(word: str, row: Row) -> bool:
    """Whether the track has the word, or its model does in a name or title that tells its tracks no further apart."""
    if _has(word, _own_words(row.track)):
        return True
    if any(_has(word, _own_words(track)) for track in row.spec.tracks):
        return False
    return _has(word, frozenset(_words(f"{row.spec.name} {row.spec.title}", parts=True)))


def _has(word: str, hay: frozenset[str]) -> bool:
    same = {word}.union(*(group for group in SYNONYMS if word in group))
    return any(other == one or (len(one) > 1 and other.startswith(one)) for one in same for other in hay)


@lru_cache(maxsize=10_000)
def _own_words(track: Track) -> frozenset[str]:
    return frozenset(_words(f"{track.name} {track.assay} {track.biosample}", parts=True))


def _words(text: str, *, parts: bool = False) -> list[str]:
    """Lower-case words of letters and digits; ``PU.1`` is pu1, and with ``parts`` also pu and 1."""
    found: list[str] = []
    for word in _SEPARATORS.split(text.lower()):
        pieces = re.findall(r"[^\W_]+", word)
        if pieces:
            found.append("".join(pieces))
            found += pieces if parts and len(pieces) > 1 else []
    return [word[:-1] if len(word) > 4 and word.endswith("s") else word for word in found]


def _described(track: Track) -> str:
    return f"{track.name} ({track.assay}, {track.biosample})"


def _listed(items: Sequence[str], conjunction: str = "and") -> str:
    *first, last = items
    return f"{', '.join(first)} {conjunction} {last}" if first else last


def facts(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """What is known about a model at a glance: (name, value)."""
    window = f"{spec.input_length:,} bp"
    if any(spec.context):
        before, after = (len(part) for part in spec.context)
        window += f", between {before} and {after} constant bases of its construct"
    bins = f"{spec.output_length:,} bins of {spec.resolution} bp" if spec.output_length > 1 else "one value per window"
    strands = "both, averaged" if len(spec.strands) > 1 else "as given only"
    size = stated_parameters(spec) or parameters(spec)
    return (
        ("Window", window),
        ("Answer", bins),
        ("Strands", strands),
        ("Members", str(spec.n_members)),
        ("Parameters of a member", f"{size:,}" if size is not None else "not stated"),
    )


def parameters(spec: ModelSpec) -> int | None:
    """How many numbers the first member's weights hold, read from the head of its file; None when it cannot be read."""
    from safetensors import SafetensorError, safe_open

    path = registry.companion(spec.model_id, "member-0.safetensors")
    if path is None:
        return None
    try:
        with safe_open(path, framework="numpy") as archive:
            return sum(_product(archive.get_slice(key).get_shape()) for key in archive.keys())  # noqa: SIM118
    except (SafetensorError, OSError):
        return None  # the card says "not stated"; the model itself is refused with its reason when it is used


def stated_parameters(spec: ModelSpec) -> int | None:
    """The parameters of a member as the file of scores counts them (without constants); None when it does not say."""
    table = _score_file(spec)
    cost = table.get("cost") if isinstance(table, dict) else None
    stated = cost.get("parameters") if isinstance(cost, dict) else None
    return stated if type(stated) is int and stated > 0 and not _of_another(table, spec) else None


def _product(shape: Iterable[int]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


@dataclass(frozen=True)
class Scores:
    """Held-out scores as a table.

    Attributes:
        header: names of the columns.
        lines: texts of the cells, the model's own before those of the networks it was compared with.
        ceiling: how well measurements agree with themselves, in words; empty where that is not stated.
        problem: why there is no table although the model has a file of scores; empty otherwise.
        note: what else the file says of them, one sentence; empty for nothing.
    """

    header: tuple[str, ...] = ()
    lines: tuple[tuple[str, ...], ...] = ()
    ceiling: str = ""
    problem: str = ""
    note: str = ""


def scores(spec: ModelSpec, file: str = SCORES) -> Scores:
    """The held-out scores in a file beside the model: no table when there is none."""
    table = _score_file(spec, file)
    if table is None:
        return Scores()
    if not isinstance(table, dict) or not isinstance(table.get("scores"), list):
        return Scores(problem=f"{file} holds no list of scores; what is known about them is in the card.")
    if _of_another(table, spec):
        return Scores(problem=f"{file} was made for another version of this model, so it is not shown.")
    own_first = sorted(
        (entry for entry in table["scores"] if isinstance(entry, dict)),
        key=lambda entry: entry.get("name", spec.name) != spec.name,
    )
    note = table.get("note")
    return _score_table(own_first, _ceiling(table.get("ceiling")), note if isinstance(note, str) else "")


def _score_file(spec: ModelSpec, file: str = SCORES) -> Any:
    """What a file beside the model holds; None without the file, an empty text when it is no JSON."""
    path = registry.companion(spec.model_id, file)
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""  # no table: the screen says that the file holds no scores


def _of_another(table: Mapping[str, Any], spec: ModelSpec) -> bool:
    return table.get("model_id", spec.model_id) != spec.model_id or table.get("model", spec.name) != spec.name


def _ceiling(stated: Any) -> str:
    """How well replicates agree, which no model can be expected to beat."""
    if not isinstance(stated, dict):
        return ""
    agreed = [f"{_column_name(key)} {value:.2f}" for key, value in stated.items() if isinstance(value, float)]
    rows_counted = f" ({stated['rows']:,} rows)" if type(stated.get("rows")) is int else ""
    return f"Replicates of the measurement agree to {_listed(agreed)}{rows_counted}: the ceiling." if agreed else ""


def _score_table(found: Sequence[Mapping[str, Any]], ceiling: str, note: str) -> Scores:
    """One line per held-out comparison; a column for each text and each score with an interval."""
    keys = list(dict.fromkeys(key for entry in found for key, value in entry.items() if _cell(value)))
    header = tuple(_column_name(key) for key in keys)
    return Scores(header, tuple(tuple(_cell(entry.get(key)) for key in keys) for entry in found), ceiling, note=note)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("value"), int | float):
        text = f"{value['value']:.3f}"
        if isinstance(value.get("low"), int | float) and isinstance(value.get("high"), int | float):
            text += f" ({value['low']:.3f} to {value['high']:.3f})"
        return text.replace("-", "\u2212")
    return ""


def _column_name(key: str) -> str:
    words = key.replace("_", " ")
    known = {
        "negatives": "Against",
        "name": "Network",
        "column": "Track",
        "auroc": "AUROC",
        "auprc": "AUPRC",
        "r": "Pearson r",
        "deletion area": "Area under deletion (low is good)",
        "insertion area": "Area under insertion (high is good)",
        "spearman substitutions": "Spearman, substitutions",
        "spearman deletions": "Spearman, deletions",
        "average precision": "Average precision against planted sites",
    }
    named = known.get(words) or re.sub(r"\b(auroc|auprc)\b", lambda m: m[0].upper(), words)
    return named[:1].upper() + named[1:]


def card_sections(card: str) -> tuple[tuple[str, str], ...]:
    """(heading, Markdown) of a card without its title; pictures are left out, for they could be fetched from anywhere."""
    harmless = re.sub(r"!\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])?", r"\1", card)
    parts = re.split(r"^##\s+(.+)$", harmless, flags=re.MULTILINE)
    intro = re.sub(r"\A\s*#\s+.*$", "", parts[0], count=1, flags=re.MULTILINE).strip()
    sections = [("About", intro)] if intro else []
    sections += [(name.strip(), body.strip()) for name, body in zip(parts[1::2], parts[2::2], strict=True)]
    return tuple(sections)
