"""How fast one party may go on: a bucket of tokens that refills with time. Pure: the time comes in, a wait comes out."""

from __future__ import annotations

__all__ = ["Pace"]


class Pace:
    """`per_s` tokens a second, at most `burst` saved up. What is spent beyond is owed, and has to be waited for."""

    __slots__ = ("_at", "_burst", "_per_s", "_tokens")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._at = now

    def spend(self, now: float, tokens: float = 1) -> float:
        """Seconds to wait until all that was spent is paid for; 0 while something is left."""
        self._refill(now)
        self._tokens -= tokens
        return max(0.0, -self._tokens / self._per_s)

    def may_spend(self, now: float) -> bool:
        """Spend one token if it is there."""
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._per_s)
        self._at = now
