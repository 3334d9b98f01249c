"""A real name server (nsd) for a test: authoritative for everything, since its one zone is the root.

    names = nsd.NameServer('there.example MX 10 mx.there.example.\n...')       # on 127.0.0.1 and a free port
    box.set_option('dns.server', names.address)                              # "127.0.0.1@port"

A name that is not in the zone does not exist. Names below example, not below test: resolvers keep that one to themselves.
Answers too long for a datagram come over TCP, as they do on the Internet.
"""
import contextlib
import os
import shutil
import subprocess
import tempfile

import waxwing


class NameServer:
    """inside: a context manager that takes this thread to where the server shall run, a namespaces.Host."""

    def __init__(self, zone, addresses=('127.0.0.1',), port=None, inside=None):
        self.inside, self.ip, self.port = inside or contextlib.nullcontext(), addresses[0], port or waxwing.free_port()
        self.address, self.folder = f'{self.ip}@{self.port}', tempfile.mkdtemp(prefix='waxwing-nsd-')
        self.write('zone', '$ORIGIN .\n$TTL 60\n@ SOA dns. postmaster. 1 60 60 60 60\n@ NS dns.\n'
                   f'dns A {self.ip}\n' + zone)
        self.write('nsd.conf', 'server:\n' + ''.join(f'  ip-address: {a}@{self.port}\n' for a in addresses) +
                   f'  zonesdir: "{self.folder}"\n  zonelistfile: "{self.folder}/list"\n  xfrdfile: "{self.folder}/xfrd"\n'
                   f'  pidfile: "{self.folder}/pid"\n  database: ""\n  username: ""\n  server-count: 1\n'
                   'remote-control:\n  control-enable: no\nzone:\n  name: "."\n  zonefile: "zone"\n')
        with self.inside, open(os.path.join(self.folder, 'log'), 'w') as log:
            self.process = subprocess.Popen(['/usr/sbin/nsd', '-d', '-c', os.path.join(self.folder, 'nsd.conf')],
                                            stdout=log, stderr=log)
        try:
            waxwing.wait_until(lambda: self.ask('dns', 'A'), 'nsd')
        except waxwing.Late:
            with open(os.path.join(self.folder, 'log')) as log:
                said = log.read()
            self.close()
            raise waxwing.Late('nsd does not answer: ' + said) from None

    def write(self, name, text):
        with open(os.path.join(self.folder, name), 'w') as file:
            file.write(text)

    def ask(self, name, kind):
        """The records of a name, as a client in the same place gets them."""
        with self.inside:
            got = subprocess.run(['drill', '-Q', '-p', str(self.port), f'@{self.ip}', name, kind], capture_output=True, text=True)
        return sorted(got.stdout.split('\n')[:-1]) if got.returncode == 0 else []

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
