"""Hosts with networks of their own: network namespaces, joined by bridges.

    net = namespaces.Network()               # skips the test where namespaces cannot be made
    hub = net.host('hub', inside='10.77.2.20')
    with hub:                                # sockets and programs that are made now are the host's
        box.start()

Nothing of it is seen from the machine's own network: bridges stand in a namespace too. A namespace holds for what a
thread makes while it is inside; a socket keeps the one it was made in.
"""
import atexit
import ctypes
import os
import re
import shutil
import socket
import subprocess
import unittest

CLONE_NEWNET = 0x40000000
FOLDER = '/run/netns'
_libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    with open(path) as namespace:
        if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


def ip(*words):
    done = subprocess.run(['ip', *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f'ip {" ".join(words)}: {done.stderr.strip()}')


class Host:
    """A namespace with one interface in each of the networks it is in; with host: ... is inside."""

    def __init__(self, name):
        self.name, self.before = name, []

    def __enter__(self):
        self.before.append(os.open('/proc/thread-self/ns/net', os.O_RDONLY))
        enter(os.path.join(FOLDER, self.name))
        return self

    def __exit__(self, *_):
        descriptor = self.before.pop()
        _libc.setns(descriptor, CLONE_NEWNET)
        os.close(descriptor)

    def listen(self, address, port=25):
        with self:
            return socket.create_server((address, port), backlog=50)


def remove_leftovers():
    """Namespaces of runs that were killed."""
    for line in subprocess.run(['ip', 'netns', 'list'], capture_output=True, text=True).stdout.splitlines():
        name = re.match(r'waxwing-(\d+)-\w+', line)
        if name and not os.path.exists(f'/proc/{name[1]}'):
            subprocess.run(['ip', 'netns', 'delete', name[0]], capture_output=True)


class Network:
    def __init__(self, networks=('inside', 'outside')):
        self.prefix, self.names, self.count = f'waxwing-{os.getpid()}-', [], 0
        atexit.register(self.remove)
        remove_leftovers()
        self.switch = self.namespace('switch')
        for network in networks:
            ip('-n', self.switch, 'link', 'add', network, 'type', 'bridge')
            ip('-n', self.switch, 'link', 'set', network, 'up')

    def namespace(self, name):
        whole = self.prefix + name
        ip('netns', 'add', whole)
        self.names.append(whole)
        ip('-n', whole, 'link', 'set', 'lo', 'up')
        return whole

    def host(self, name, **networks):
        """A host; inside='10.77.2.20' or several: outside=['10.77.1.31', '10.77.1.32']."""
        host = Host(self.namespace(name))
        for network, addresses in networks.items():
            self.count += 1
            end = f'port{self.count}'
            ip('-n', self.switch, 'link', 'add', end, 'type', 'veth', 'peer', 'name', network, 'netns', host.name)
            ip('-n', self.switch, 'link', 'set', end, 'master', network, 'up')
            for address in [addresses] if isinstance(addresses, str) else addresses:
                ip('-n', host.name, 'address', 'add', address + '/24', 'dev', network)
            ip('-n', host.name, 'link', 'set', network, 'up')
        return host

    def remove(self):
        while self.names:
            subprocess.run(['ip', 'netns', 'delete', self.names.pop()], capture_output=True)


def why_not():
    """What keeps this process from making namespaces; empty: nothing."""
    if os.getuid() != 0:
        return 'network namespaces: only root can make them'
    if not shutil.which('ip'):
        return 'network namespaces: the program ip is not here (package iproute2)'
    name = f'waxwing-{os.getpid()}-try'
    made = subprocess.run(['ip', 'netns', 'add', name], capture_output=True, text=True)
    if made.returncode == 0:
        made = subprocess.run(['ip', '-n', name, 'link', 'add', 'try', 'type', 'bridge'], capture_output=True, text=True)
        subprocess.run(['ip', 'netns', 'delete', name], capture_output=True)
    return f'network namespaces cannot be made here: {made.stderr.strip()}' if made.returncode != 0 else ''


def skip_without():
    reason = why_not()
    if reason:
        raise unittest.SkipTest(reason)

