"""What the trust strip asks beyond the answer itself: other methods, and taking the strongest bases out. No Streamlit.

On a slow network these take longer than anybody would wait for unasked. What the measured pace puts above the limits
below is left out, with the reason, until it is asked for (``thorough``); what was computed once is kept.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import numpy.typing as npt

from app import compute
from app.compute import Asker
from app.view import View
from genome.errors import UserError
from interpret import faithfulness
from interpret.agreement import Agreement, compared
from interpret.attribution import Attribution
from interpret.faithfulness import Curves, Deletion, NothingToExplain, Untested
from interpret.headline import headline
from interpret.methods import METHODS, Method, letter_stride
from interpret.trust import NOTHING
from models import registry
from models.core import ModelSpec
from models.tiling import core_of

Float = npt.NDArray[np.float32]

METHOD_SECONDS = 1.0  # that another method may take unasked
DELETION_SECONDS = 1.0  # that the deletion test may take unasked
ASK = "ask for it under Checks"


def agreement(view: View, asker: Asker, *, thorough: bool = False) -> Agreement:
    """How the other methods rank the bases; those that refuse this network, or take too long unasked, are left out.

    Raises:
        UserError: when the view itself cannot be explained.
    """
    key = _key("agreement", view)
    if thorough or compute.cache().holds(key):  # once asked for, it stays
        return compute.cache().get(key, lambda: _compared(view, asker, thorough=True), wait=asker.wait)
    found = _compared(view, asker, thorough=False)
    if not any(reason.endswith(ASK) for _, reason in found.left_out):
        compute.cache().get(key, lambda: found, wait=asker.wait)
    return found


def deletion(view: View, asker: Asker, *, thorough: bool = False) -> Deletion | Untested:
    """What the strongest bases cost in the window of the strongest prediction, or why that was not tested."""
    spec = registry.spec(view.model)
    key = _key("deletion", view)
    seconds = _row_seconds(spec) * faithfulness.TEST_ROWS
    if not (thorough or compute.cache().holds(key) or seconds <= DELETION_SECONDS):
        return Untested(f"not tested: would take {_seconds(seconds)}", f"It was left out for its time; {ASK}.")

    def test() -> Deletion | Untested:
        x, values = tested(view, asker)
        run = compute.engine().runner(spec.model_id, session=asker.session)
        target = compute.target(spec, view)
        try:
            return faithfulness.deletion_test(run, x, values, spec, target, seed=view.seed, progress=asker.progress)
        except NothingToExplain as reason:  # known of this view for good, after the work of finding out
            return Untested(NOTHING, str(reason))

    try:
        return compute.cache().get(key, test, wait=asker.wait)
    except UserError as reason:
        return Untested("not tested", str(reason))


def curves(view: View, asker: Asker) -> Curves:
    """Deletion and insertion of everything, in the window of the strongest prediction.

    Raises:
        UserError: when there is nothing to explain, or too little of the window is known.
    """
    spec = registry.spec(view.model)
    x, values = tested(view, asker)

    def sweep() -> Curves:
        run = compute.engine().runner(spec.model_id, session=asker.session)
        target = compute.target(spec, view)
        return faithfulness.curves(run, x, values, spec, target, seed=view.seed, progress=asker.progress)

    return compute.cache().get(_key("curves", view), sweep, wait=asker.wait)


def curve_seconds(spec: ModelSpec) -> float:
    """About how long the curves take, from the measured pace."""
    return _row_seconds(spec) * faithfulness.CURVE_ROWS


def tested(view: View, asker: Asker) -> tuple[Float, Float]:
    """The window that is tested and the contributions shown in it.

    One window on screen is that window; of a long locus it is the one centred on the strongest prediction, where bases
    beyond the locus, which are explained in part only, are neither chosen nor compared (NaN).

    Returns:
        float32 (4, window), one-hot, and float32 (window,).
    """
    found = compute.attribution(view, asker)
    length, first = found.spec.input_length, 0
    if found.sequence.length > length:
        strongest = headline(compute.prediction(view, asker), found.spec.track_index(view.track))
        start, end = core_of(found.sequence, strongest.start, strongest.end)
        first = min(max(0, start - (length - (end - start)) // 2), found.sequence.length - length)
    values = np.full(found.sequence.length, np.nan, dtype=np.float32)
    values[slice(*found.whole)] = found.values[slice(*found.whole)]
    return found.sequence.one_hot()[:, first : first + length], values[first : first + length]


def _compared(view: View, asker: Asker, *, thorough: bool) -> Agreement:
    """The methods that answer beside the one shown."""
    shown, spec = compute.attribution(view, asker), registry.spec(view.model)
    others: list[Attribution] = []
    left_out: list[tuple[str, str]] = []
    for name, method in METHODS.items():
        other = view.with_method(name)
        if name == view.method:
            continue
        seconds = _method_seconds(other, spec, method)
        if not thorough and (seconds is None or seconds > METHOD_SECONDS):
            time = "how long it takes is not known" if seconds is None else f"would take {_seconds(seconds)}"
            left_out.append((method.words, f"{time}; {ASK}"))
            continue
        try:
            others.append(compute.attribution(other, asker))
        except UserError as error:
            left_out.append((method.words, str(error)))
    return compared(shown, others, tuple(left_out))


def _method_seconds(view: View, spec: ModelSpec, method: Method) -> float | None:
    """About how long a method takes along the locus, from the measured pace; None where nobody can say."""
    if method.passes is None:
        return None
    stride = letter_stride(spec)
    long = view.locus.length > spec.input_length
    n_windows = (view.locus.length + spec.input_length) // stride if long else 1
    return n_windows * method.passes(spec.input_length) * _row_seconds(spec, gradient=method.gradient)


def _row_seconds(spec: ModelSpec, *, gradient: bool = False) -> float:
    """Time of one pass as it was when first asked for: a busy moment must not change what a link shows."""
    key = ("pace when first asked for", spec.model_id, gradient)
    return compute.cache().get(key, lambda: compute.engine().pace(spec.model_id, gradient=gradient).row_seconds)


def _key(what: str, view: View) -> Hashable:
    return what, registry.spec(view.model).model_id, view.question


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.1f} s"
