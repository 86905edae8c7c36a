"""The command line: shows what the rooms below decide, and decides nothing itself."""
