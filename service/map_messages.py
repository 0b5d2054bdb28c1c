"""How messages travel between the service and its map processes: the length of a pickle, then the pickle."""

import pickle
import struct

HEADER = struct.Struct(">Q")


def pack(message: object) -> bytes:
    """A message as it travels."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(body)) + body
