"""What is raised where an adapter's own library is not installed."""

from __future__ import annotations

from accordant.types.errors import AccordantError

__all__ = ["ExtraMissing"]


class ExtraMissing(AccordantError, ImportError):
    """An extra is not installed. Field: `install`, the words to install it."""

    status = "invalid"
    code_default = "missing_extra"

    def __init__(self, what: str, extra: str) -> None:
        install = f'pip install "accordant[{extra}]"'
        super().__init__(f"{what} needs an extra that is not installed", hint=install, install=install)
