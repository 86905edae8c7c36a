"""The engine's edge: the asyncio tasks that carry the machine's effects out. Here are clock, dice and store; no decisions."""
