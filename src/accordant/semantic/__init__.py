"""Learned verdicts: an encoder, a small head over its states, other people's cross-encoders. Loaded only when asked for."""
