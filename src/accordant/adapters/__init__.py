"""Accordant beside other people's systems. Each adapter is thin, and an extra of its own."""
