"""Instructions of a daemon, counted by valgrind --tool=callgrind: what imap_instructions and smtp_instructions share.

User-space instructions of all its threads; what the kernel and other daemons do is not in it.
"""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager


def demand_valgrind():
    for tool in ('valgrind', 'callgrind_control'):
        if not shutil.which(tool):
            sys.exit(f'{tool} is not installed (package valgrind)')


def under_callgrind(out, *words):
    return ['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}', *words]


class Counted:
    """A process under callgrind that writes to the file out."""

    def __init__(self, out, pid):
        self.out, self.pid, self.last = out, pid, None

    def control(self, what):
        subprocess.run(['callgrind_control', what, str(self.pid)], check=True, capture_output=True, timeout=60)

    def begin(self):
        for path in glob.glob(self.out + '.*'):
            os.unlink(path)
        self.control('-z')

    def end(self):
        """Instructions since begin()."""
        self.control('-d')
        self.last, = glob.glob(self.out + '.*')
        with open(self.last) as f:
            return int(re.search(r'^totals: (\d+)', f.read(), re.M).group(1))


def wait_for_port(port, what, process=None):
    for _ in range(600):
        if process and process.poll() is not None:
            sys.exit(f'{what} does not run under valgrind')
        try:
            socket.create_connection(('127.0.0.1', port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f'{what} does not answer')


class Sandbox:
    def __init__(self, build, port_base, folder):
        self.folder, self.root = folder, os.path.join(folder, 'box')
        self.run(os.path.join(build, 'stage', 'bin', 'configure'), '--sandbox', self.root, '--port-base', str(port_base))
        out = subprocess.run(['sh', '-c', '. "$1" && env -0', 'sh', os.path.join(self.root, 'env')], check=True,
                             stdout=subprocess.PIPE)
        self.env = dict(pair.split('=', 1) for pair in out.stdout.decode().split('\0') if '=' in pair)

    @staticmethod
    def run(*words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        if done.returncode:
            sys.exit(f'{" ".join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}')

    def own(self, name, *words):
        self.run(os.path.join(self.root, 'bin', name), *words)

    def port(self, name):
        return int(self.env[name])

    def create_user(self, uid, password):
        path = os.path.join(self.root, 'password')
        with open(path, 'w') as f:
            f.write(password)
        self.own('commadmin', 'user', 'create', '--uid', uid, '--first', 'C', '--last', 'C', '--password-file', path)


@contextmanager
def sandbox(build, port_base):
    """An instance that is configured and not started; stopped and removed at the end."""
    folder = tempfile.mkdtemp(prefix='waxwing-count-')
    try:
        yield Sandbox(build, port_base, folder)
    finally:
        subprocess.run([os.path.join(folder, 'box', 'bin', 'stop-msg')], capture_output=True, check=False, timeout=120)
        shutil.rmtree(folder, ignore_errors=True)
