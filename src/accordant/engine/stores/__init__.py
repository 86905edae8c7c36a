"""Where the log lives: the `Store` contract, in memory, in SQLite; a distributed engine joins here."""
