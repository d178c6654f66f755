"""How much memory one pass holds at once: measured on the device, before a long job is begun."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.core import Model


@dataclass(frozen=True)
class Footprint:
    """What one window costs: (n, 4, window) -> bytes (n,) that one batch of such windows holds at once.

    Only the first component is run: the memory of one is free again before the next.
    """

    gradient: bool = False
    passes: int = 1

    def __call__(self, model: Model, batch: int, *rows: Tensor) -> tuple[Tensor, ...]:
        most = [batch * self._measure(model, x[None]) for x in rows[0]]
        return (torch.tensor(most, dtype=torch.float64),)

    def _measure(self, model: Model, x: Tensor) -> int:
        x = x.clone().requires_grad_(self.gradient)
        with Held() as held:
            y = model.component(x, *model.components[0])
            if self.gradient:
                torch.autograd.grad(y.sum(), x)
        return held.most + x.nbytes


class Held(TorchDispatchMode):
    """Counts the memory of the tensors that are alive while it is entered.

    Attributes:
        most: bytes that were alive at once. What a kernel works in meanwhile is not seen.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        self._alive: dict[int, int] = {}
        self._now = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs the operation and notes what it made."""
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self._note(leaf.untyped_storage())
        return made

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage.data_ptr()
        if key == 0 or key in self._alive:
            return
        self._alive[key] = storage.nbytes()
        self._now += storage.nbytes()
        self.most = max(self.most, self._now)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._now -= self._alive.pop(key, 0)
