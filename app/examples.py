"""Places worth opening first. The synthetic ones work offline; the real ones appear where their genome can be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A place, or a variant, to begin with.

    Attributes:
        label: what its button says.
        genome: name in the table of genomes.
        typed: as somebody would type it; places are 1-based.
        track: what to explain, where the model has it.
    """

    label: str
    genome: str
    typed: str
    track: str


EXAMPLES = (
    Example("A planted CTCF site", "sandbox", "sb1:58,351-58,510", "CTCF binding"),
    Example("A planted PU.1 site", "sandbox", "sb1:31,421-31,570", "PU.1 binding"),
    Example("GP1BB promoter (hg19)", "hg19", "chr22:19,710,789-19,711,173", "CTCF binding"),
    Example("GP1BB promoter (hg38)", "hg38", "chr22:19,723,266-19,723,650", "CTCF binding"),
)

# Where the page goes when a genome is chosen in the sidebar.
FIRST_PLACES = {
    "mm10": "chr5:142,906,254-142,907,253",
    "sacCer3": "chrII:278,301-279,100",
}


def first_place(genome: str) -> str:
    """1-based text of the first place to show of a genome; empty when none is known."""
    return next((e.typed for e in EXAMPLES if e.genome == genome), FIRST_PLACES.get(genome, ""))


VARIANT_EXAMPLES = (
    Example("A base of a CTCF site", "sandbox", "sb1:58,432 G>C", "CTCF binding"),
    Example("Three bases deleted in it", "sandbox", "sb1:58,430 AGGG>A", "CTCF binding"),
    Example("Three bases inserted in it", "sandbox", "sb1:58,431 G>GTTA", "CTCF binding"),
    Example("GP1BB promoter, C>T", "hg19", "chr22:19,710,933 C>T", "CTCF binding"),
    Example("GGAA deleted there", "hg19", "chr22:19,710,890 CGGAA>C", "PU.1 binding"),
    Example("TAC inserted there", "hg19", "chr22:19,710,892 G>GTAC", "PU.1 binding"),
    Example("GP1BB promoter, C>T", "hg38", "chr22:19,723,410 C>T", "CTCF binding"),
    Example("GGAA deleted there", "hg38", "chr22:19,723,367 CGGAA>C", "PU.1 binding"),
    Example("TAC inserted there", "hg38", "chr22:19,723,369 G>GTAC", "PU.1 binding"),
)


def variant_examples(genome: str) -> tuple[Example, ...]:
    """The variants to begin with on a genome; empty when none are known."""
    return tuple(example for example in VARIANT_EXAMPLES if example.genome == genome)
