"""The shapes that shared memory takes, each a thin face over ordinary regions: no more is known here than a document's handle."""
