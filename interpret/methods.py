"""Every method of attribution behind one call, on one and the same explained function.

A method is given windows and says what each base would contribute; which windows, and how they come together along a
locus, is the same for all (``models.tiling``, ``interpret.attribution.together``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from genome.locus import Locus
from genome.sequence import Sequence
from interpret import deeplift, gradient, integrated_gradients, mutagenesis
from interpret.attribution import Attribution, Explained, Float, together
from interpret.references import BASELINES, N_SHUFFLES
from models.core import ModelSpec, Target
from models.engine import Progress, Runner
from models.tiling import core_of, tile, windows

COVER = 4  # windows that cover each base of a long locus

# run, windows (n, 4, window), model, target, baseline, seed, progress
Explain = Callable[[Runner, Float, ModelSpec, Target, str, int, Progress | None], Explained]


@dataclass(frozen=True)
class Method:
    """One way to share a prediction out among the bases.

    Attributes:
        words: its name.
        short: its name where there is little room.
        baselines: what the sequence can be compared with, the usual one first.
        explain: what it says of windows.
        adds_up: whether its contributions promise to sum to the prediction minus that of the reference.
        question: the question that it answers, in one sentence.
        source: the papers.
        passes: about how many passes through one window its usual reference takes, by the window's length in bp; None
            where nobody can say ahead, and it is then never run unasked.
        gradient: whether these passes need gradients.
    """

    words: str
    short: str
    baselines: tuple[str, ...]
    explain: Explain
    adds_up: bool
    question: str
    source: str
    passes: Callable[[int], int] | None = None
    gradient: bool = True

    @property
    def title(self) -> str:
        """Its name at the beginning of a line."""
        return self.words[:1].upper() + self.words[1:]


METHODS: dict[str, Method] = {
    "ig": Method(
        "integrated gradients",
        "IG",
        BASELINES,
        integrated_gradients.explain,
        True,
        "Shares the prediction out among the bases: what each one adds on the way from the reference to here.",
        "Sundararajan, Taly and Yan 2017",
        passes=lambda length: 2 * integrated_gradients.FIRST_POINTS,  # noqa: ARG005  points do not depend on it
    ),
    "gradient": Method(
        "gradient x input",
        "gradient",
        ("uniform",),
        gradient.explain,
        False,
        "How steeply the prediction rises with each base, here and now; what the network has saturated is not seen.",
        "Simonyan, Vedaldi and Zisserman 2013; corrected as in Majdandzic, Rajesh and Koo 2023",
        passes=lambda length: 1,  # noqa: ARG005
    ),
    "deeplift": Method(
        "DeepLIFT/SHAP",
        "DeepLIFT",
        ("shuffled", "uniform", "zeros"),
        deeplift.explain,
        True,
        "Hands the change from shuffled DNA back through the network, each step in proportion to its signals.",
        "Shrikumar, Greenside and Kundaje 2017; Lundberg and Lee 2017",
        passes=lambda length: 2 * N_SHUFFLES,  # noqa: ARG005
    ),
    "ism": Method(
        "in-silico mutagenesis",
        "ISM",
        mutagenesis.CENTRINGS,
        mutagenesis.explain,
        False,
        "What happens when each base is replaced by each other one, compared with the mean of what could stand there.",
        "Zhou and Troyanskaya 2015",
        passes=lambda length: 3 * length + 1,
        gradient=False,
    ),
}


@dataclass(frozen=True)
class Compared:
    """What a sequence is compared with, in words.

    Attributes:
        choice: where one chooses it.
        short: in a caption.
        long: in a text for a paper.
        seeded: whether it depends on the seed.
    """

    choice: str
    short: str
    long: str
    seeded: bool = False


BASELINE_WORDS: dict[str, Compared] = {
    "uniform": Compared("uniform (each base ¼)", "uniform reference", "a uniform reference (0.25 for each base)"),
    "zeros": Compared("zeros", "zero reference", "an all-zero reference"),
    "shuffled": Compared(
        f"{N_SHUFFLES} shuffles (dinucleotides kept)",
        f"shuffled ({N_SHUFFLES})",
        f"{N_SHUFFLES} dinucleotide-preserving shuffles",
        seeded=True,
    ),
    "four": Compared("the mean of the four bases", "mean of four bases", "the mean over the four bases"),
    "three": Compared(
        "the mean of the three others", "mean of the three others", "the mean over the three alternatives (4/3 as much)"
    ),
}


def short_name(attribution: Attribution) -> str:
    """The method where there is little room."""
    return next(method.short for method in METHODS.values() if method.words == attribution.method)


def in_words(attribution: Attribution) -> str:
    """How contributions were computed, for a caption: method, reference, seed, points, completeness."""
    compared = BASELINE_WORDS[attribution.baseline]
    parts = [attribution.method, compared.short]
    if compared.seeded:
        parts.append(f"seed {attribution.seed}")
    if attribution.path:
        parts.append(attribution.path)
    return ", ".join(parts)


def attribute(
    run: Runner,
    spec: ModelSpec,
    sequence: Sequence,
    locus: Locus,
    target: Target,
    *,
    method: str = "ig",
    baseline: str = "",
    seed: int = 0,
    progress: Progress | None = None,
) -> Attribution:
    """The bases that a prediction along a locus rests on.

    A locus inside one window explains the single centred window. Along a longer one the explained scalar is the sum
    over windows divided by the number of windows that cover a base, so one element keeps the size it has in a window.

    Args:
        run: the engine, bound to a model.
        spec: that model.
        sequence: bases (edits applied) that reach a window beyond the locus on both sides.
        locus: the stretch asked for, 0-based half-open, in genome coordinates.
        target: the scalar to explain.
        method: key of METHODS.
        baseline: one of the method's; the usual one unless given.
        seed: of the shuffles.
        progress: called with the share done (a lower bound where a method has to try again).

    Raises:
        ValueError: for an unknown track, method or baseline.
        UserError: when the method does not cover this network; the text says why.
    """
    if method not in METHODS:
        raise ValueError(f"{method=} is not one of {list(METHODS)}")
    chosen = METHODS[method]
    baseline = baseline or chosen.baselines[0]
    if baseline not in chosen.baselines:
        raise ValueError(f"{baseline=} is not one of {chosen.baselines}")
    spec.track_index(target.track)
    core = core_of(sequence, locus.start, locus.end)
    tiling = tile(core, window=spec.input_length, stride=letter_stride(spec), origin=int(sequence.positions[0]))
    x = windows(sequence.one_hot(), tiling)
    explained = chosen.explain(run, x, spec, target, baseline, seed, progress)
    return together(explained, sequence, tiling, spec, target, method=chosen.words, baseline=baseline, seed=seed)


def letter_stride(spec: ModelSpec) -> int:
    """The distance between explained windows of a long locus: a quarter of the window, or the next divisor of it."""
    divisors = [d for d in range(1, spec.input_length + 1) if spec.input_length % d == 0]
    return min(divisors, key=lambda d: (abs(d - spec.input_length / COVER), d))
