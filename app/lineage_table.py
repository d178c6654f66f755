"""The lineage of models in words: what each refinement gained and forgot, and what its gate said. No Streamlit here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from experiment.store_lineage import Node


@dataclass(frozen=True)
class Change:
    """What a refinement did to one set of held-out rows.

    Attributes:
        name: of the set.
        is_new: whether the refinement learned from this set for the first time: a gain; else what was kept or forgotten.
        before: Pearson's r of the parent.
        after: of the child.
        low: lower end of the 95 % interval of the change.
        high: upper end.
        rows: held-out rows; 0 where the record does not say.
    """

    name: str
    is_new: bool
    before: float
    after: float
    low: float
    high: float
    rows: int

    @property
    def words(self) -> str:
        """One phrase, such as "gained on round 2: r 0.412 → 0.530 (+0.118, 0.080 to 0.160)"."""
        change = self.after - self.before
        verb = "new" if self.is_new else "old"
        if self.low > 0:
            verb = "gained on" if self.is_new else "better on old"
        elif self.high < 0:
            verb = "worse on new" if self.is_new else "forgot of"
        elif not self.is_new:
            verb = "kept"
        told = f"{verb} {self.name}: r {self.before:.3f} → {self.after:.3f} ({change:+.3f}, {self.low:+.3f} to {self.high:+.3f})"
        return told.replace("-", "−")


@dataclass(frozen=True)
class Row:
    """One model of the lineage as it is shown.

    Attributes:
        node: the model.
        words: how it came to be; of the first of its line, that it is.
        changes: what was gained first, then what was kept or forgotten.
        gate: the sentences of the acceptance gate.
        can_be_promoted: whether a person may let it answer to its name now.
        can_be_rolled_back: whether it is the one that was promoted last.
    """

    node: Node
    words: str
    changes: tuple[Change, ...]
    gate: tuple[str, ...]
    can_be_promoted: bool
    can_be_rolled_back: bool


def rows(nodes: Iterable[Node]) -> tuple[Row, ...]:
    """One row for each model, in the order of the tree."""
    found = tuple(nodes)
    promoted = {node.name for node in found if node.answers}
    return tuple(_row(node, node.name in promoted) for node in found)


def _row(node: Node, name_is_promoted: bool) -> Row:
    verdict = node.record.get("verdict")
    verdict = verdict if isinstance(verdict, Mapping) else {}
    gate = tuple(str(sentence) for sentence in verdict.get("words", ()))
    words = "first of its line"
    if node.parent is not None:
        said = "accepted by the gate" if node.accepted else "not accepted by the gate"
        words = f"{node.strategy}, seed {node.seed}, code {node.code_version}: {said}"
    if node.answers:
        words += f"; answers to {node.name}"
    is_offered = node.parent is None and not name_is_promoted  # then it answers without being promoted
    return Row(node, words, _changes(verdict), gate, not node.answers and not is_offered, node.answers)


def _changes(verdict: Mapping[str, Any]) -> tuple[Change, ...]:
    found = [
        Change(
            name=str(one["name"]),
            is_new=bool(one["new"]),
            before=float(one["before"]),
            after=float(one["after"]),
            low=float(one["low"]),
            high=float(one["high"]),
            rows=int(one.get("rows", 0)),
        )
        for one in verdict.get("changes", ())
    ]
    return tuple(sorted(found, key=lambda change: not change.is_new))
