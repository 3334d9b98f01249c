"""Ports for a sandbox."""
import socket

PORTS = 10  # what a sandbox takes from its port base on


def free_base():
    """The first of a range of ports that nobody uses just now; OSError when there is none."""
    for base in range(20000, 31000, 100):
        try:
            for port in range(base, base + PORTS):
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(('127.0.0.1', port))
            return base
        except OSError:
            continue
    raise OSError('no range of free ports between 20000 and 31000')
