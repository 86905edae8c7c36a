"""numpy, or something in its place that names the extra: modules of this room load without numpy, and fail when they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accordant.semantic.weights import missing_extra

__all__ = ["np"]


class _Missing:
    """Stands where numpy would."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise missing_extra("numpy")


if TYPE_CHECKING:
    import numpy as np
else:
    try:
        import numpy as np
    except ImportError:
        np = _Missing()
