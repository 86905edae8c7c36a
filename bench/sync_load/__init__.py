"""A load generator for Yjs servers: raw sockets, ready-made updates, and a reading of the answers that costs little."""
