"""Websocket frames as a client writes and reads them (RFC 6455), and lib0's two encodings. Nothing waits here."""

from __future__ import annotations

import struct

BINARY, CLOSE, PING, PONG = 2, 8, 9, 10


def var_uint(number: int) -> bytes:
    """lib0's varUint: seven bits a byte, the low ones first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_var_uint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7


def var_bytes(data: bytes) -> bytes:
    return var_uint(len(data)) + data


def frame(payload: bytes, opcode: int = BINARY) -> bytes:
    """One whole frame of a client. The mask is zero, which is a mask like any other and costs nothing to apply."""
    n = len(payload)
    if n < 126:
        head = bytes((0x80 | opcode, 0x80 | n))
    elif n < 65536:
        head = bytes((0x80 | opcode, 0xFE)) + struct.pack(">H", n)
    else:
        head = bytes((0x80 | opcode, 0xFF)) + struct.pack(">Q", n)
    return head + b"\0\0\0\0" + payload


class Frames:
    """What comes from a server, cut into (opcode, payload). Servers here do not fragment; one that does is an error."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:  # a large frame is joined once, not with each piece that comes
                return []
            data = bytes(self._rest)
        self._needed = 0
        found, at, size = [], 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                if size - at < 4:
                    break
                length, start = (data[at + 2] << 8) | data[at + 3], at + 4
            elif length == 127:
                if size - at < 10:
                    break
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if size < start + length:
                self._needed = start + length - at
                break
            if not data[at] & 0x80:
                raise ValueError("a fragmented message")
            found.append((data[at] & 15, data[start : start + length]))
            at = start + length
        self._rest = bytearray(data[at:])
        return found
