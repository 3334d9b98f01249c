"""The frame of the system tests: real daemons in a scratch instance.

    import waxwing

    def setUpModule():                       # one sandbox for the whole file: it is up in two or three seconds
        waxwing.start_shared()

    class Something(waxwing.TestCase):       # self.box is the shared sandbox
        def test_it(self):
            self.box.user('joe', 'secret')
            ...

    if __name__ == '__main__':
        waxwing.main()

Nothing here waits for a while and hopes: every wait is for an event (a port that answers, a log line, a file)
and has a deadline, after which the test fails and says what it waited for.
"""
import fcntl
import imaplib
import os
import poplib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('WAXWING_BUILD', os.path.join(TOP, 'build'))
STAGE = os.path.join(BUILD, 'stage')
PORTS = 12            # what a sandbox takes from its port base on
SLOWNESS = float(os.environ.get('WAXWING_SLOWNESS', '1'))  # how much slower than usual this build is (sanitizers)
DEADLINE = 30.0 * SLOWNESS  # seconds; longer than anything takes on a busy machine
SANITIZED = bool(os.environ.get('SAN'))  # memory figures mean nothing: a sanitizer holds on to what was freed


def kill_now(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


class Late(AssertionError):
    """Something did not happen in time."""


def wait_until(condition, what, deadline=DEADLINE, pause=0.01):
    """The first true answer of condition(); Late when the deadline passes. For what gives no event of its own."""
    end = time.monotonic() + deadline
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Late(f'waited {deadline:.0f} s in vain for {what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class PortRange:
    """A port base whose PORTS ports are free; a lock file keeps parallel tests apart."""

    def __init__(self):
        start = int(os.environ.get('WAXWING_PORT_BASE', '0'))
        bases = range(start, start + 90, PORTS) if start else range(21000, 31000, PORTS)
        offset = os.getpid() * 7 % len(bases)
        for n in range(len(bases)):
            if self.take(bases[(n + offset) % len(bases)]):
                return
        raise RuntimeError('no free range of ports')

    def take(self, base):
        lock = open(os.path.join(tempfile.gettempdir(), f'waxwing-ports-{os.getuid()}-{base}'), 'w')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for port in range(base, base + PORTS):
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(('127.0.0.1', port))
        except OSError:
            lock.close()
            return False
        self.base, self.lock = base, lock
        return True

    def release(self):
        self.lock.close()


def free_port():
    """A port that nobody has just now, outside the ranges of sandboxes: for a test's own server."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class LogFollower:
    """Reads what is added to a log from now on, and waits for a line."""

    def __init__(self, path, from_start=False):
        self.path = path
        self.offset = 0 if from_start or not os.path.exists(path) else os.path.getsize(path)
        self.lines = []

    def read(self):
        try:
            with open(self.path, 'rb') as log:
                log.seek(self.offset)
                data = log.read()
        except FileNotFoundError:
            return []
        whole = data.rfind(b'\n') + 1
        self.offset += whole
        new = data[:whole].decode('utf-8', 'replace').splitlines()
        self.lines += new
        return new

    def wait(self, pattern, deadline=DEADLINE):
        """The first line, read or to come, in which the regular expression is found."""
        expression = re.compile(pattern)
        seen = 0

        def look():
            nonlocal seen
            self.read()
            fresh, seen = self.lines[seen:], len(self.lines)
            return next((line for line in fresh if expression.search(line)), None)

        try:
            return wait_until(look, f'{pattern!r} in {self.path}', deadline)
        except Late as late:
            raise Late(f'{late}; its last lines:\n' + '\n'.join(self.lines[-15:])) from None


class Sandbox:
    """One instance made by configure --sandbox, in a folder that goes away with it."""

    def __init__(self, domain='example.test', name='box with space'):
        self.folder = tempfile.mkdtemp(prefix='waxwing-')
        self.root = os.path.join(self.folder, name)
        self.ports = PortRange()
        self.domain = domain
        self.started = False
        try:
            self.run([os.path.join(STAGE, 'bin', 'configure'), '--sandbox', self.root, '--port-base',
                      str(self.ports.base), '--domain', domain], env=dict(os.environ))
            self.env = self.read_env()
        except BaseException:
            self.remove()
            raise

    # ---- commands ----
    def run(self, command, check=True, input=None, env=None, timeout=4 * DEADLINE):
        """Runs a command with this instance's environment; the answer has stdout, stderr, returncode."""
        result = subprocess.run(command, input=input, capture_output=True, text=True, errors='replace',
                                env=env or self.env, timeout=timeout)
        if check and result.returncode != 0:
            raise AssertionError(f'{" ".join(map(str, command))}: status {result.returncode}\n'
                                 f'{result.stdout}{result.stderr}')
        return result

    def command(self, *words, **more):
        """A command of the instance's own bin: box.command('imsimta', 'cnbuild')."""
        return self.run([os.path.join(self.root, 'bin', words[0])] + [str(w) for w in words[1:]], **more)

    def read_env(self):
        """DIR/env as a shell understands it."""
        script = '. "$1" && env -0'
        out = subprocess.run(['sh', '-c', script, 'sh', os.path.join(self.root, 'env')], check=True,
                             stdout=subprocess.PIPE).stdout
        return dict(pair.split('=', 1) for pair in out.decode().split('\0') if '=' in pair)

    def port(self, name):
        return int(self.env[name + '_PORT'])

    # ---- life ----
    def start(self, *services):
        self.started = True
        return self.command('start-msg', *services)

    def stop(self, *services):
        return self.command('stop-msg', *services)

    def restart(self, *services):
        return self.command('start-msg', '--restart', *services)

    def status(self):
        """{service: (state, pid)} as watcher sees it."""
        out = self.command('start-msg', '--status', check=False).stdout
        rows = re.findall(r'^  (\S+) +(\w+)(?: +pid (\d+))?', out, re.M)
        return {name: (state, int(pid) if pid else None) for name, state, pid in rows}

    def pid(self, service):
        with open(os.path.join(self.root, 'run', service + '.pid')) as f:
            return int(f.read())

    def kill(self, service, number=signal.SIGKILL):
        """Kills a daemon and answers the pid it had."""
        pid = self.pid(service)
        os.kill(pid, number)
        return pid

    def wait_running(self, service, other_than=None, deadline=DEADLINE):
        """Until watcher says that the service runs (with another pid than it had)."""
        def runs():
            state, pid = self.status().get(service, (None, None))
            return pid if state == 'running' and pid != other_than else None
        return wait_until(runs, f'{service} to run', deadline, pause=0.05)

    def set_option(self, name, value):
        self.command('msconfig', 'set', name, value)

    # ---- files of config/ ----
    def edit(self, name, change, until=None):
        """Changes a file of config/ (made where there is none): change is a text that is put behind it, or a function that
        makes the new text of the old one. until: a test, at whose end the file is as it was. publish() brings it to
        daemons that run."""
        path = os.path.join(self.root, 'config', name)
        old = None
        if os.path.exists(path):
            with open(path) as file:
                old = file.read()
        new = change(old or '') if callable(change) else (old or '') + change
        if new == old:
            raise AssertionError(f'config/{name} has nothing to change')
        self.write_config(name, new)
        if until:
            until.addCleanup(self.write_config, name, old)

    def write_config(self, name, text):
        """text: None takes the file away."""
        path = os.path.join(self.root, 'config', name)
        if text is None:
            return os.unlink(path)
        with open(path, 'w') as file:
            file.write(text)

    def publish(self):
        self.command('imsimta', 'cnbuild')
        self.command('imsimta', 'reload')

    def remove(self):
        try:
            if self.started:
                self.command('stop-msg', check=False, timeout=3 * DEADLINE)
        finally:
            self.kill_leftovers()
            if os.environ.get('WAXWING_KEEP'):
                print('kept:', self.root, file=sys.stderr)
            else:
                shutil.rmtree(self.folder, ignore_errors=True)
            self.ports.release()

    def kill_leftovers(self):
        """Processes of this instance and no other: those with its folder on their command line; and those that they
        were starting meanwhile."""
        def left():
            return [pid for pid in map(int, filter(str.isdigit, os.listdir('/proc')))
                    if pid != os.getpid() and self.owns(pid)]
        wait_until(lambda: not [kill_now(pid) for pid in left()], 'killed processes to be gone', pause=0.01)

    def owns(self, pid):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().decode('utf-8', 'replace').split('\0')
        except OSError:
            return False
        return any(w == self.root or w.startswith(self.root + '/') for w in words)

    # ---- people ----
    def user(self, uid, password, *more):
        """An account uid@domain; more: further words for commadmin user create."""
        self.command('commadmin', 'user', 'create', '--uid', uid, '--password', password, *more)
        return f'{uid}@{self.domain}'

    # ---- looking inside ----
    def log(self, service, from_start=False):
        return LogFollower(os.path.join(self.root, 'log', service + '.log'), from_start)

    def queue_files(self, channel=None):
        """Message files in the queue: paths relative to queue/, sorted."""
        top = os.path.join(self.root, 'queue', channel) if channel else os.path.join(self.root, 'queue')
        found = []
        for folder, _, names in os.walk(top):
            found += [os.path.relpath(os.path.join(folder, n), os.path.join(self.root, 'queue')) for n in names
                      if re.fullmatch(r'[A-Z]{2}[0-9A-Za-z_-]+\.\d\d+(\.HELD)?', n)]
        return sorted(found)

    def wait_queue_empty(self, channel=None, deadline=DEADLINE):
        return wait_until(lambda: not self.queue_files(channel), f'an empty queue {channel or ""}', deadline)

    # ---- clients ----
    def tls(self):
        return ssl.create_default_context(cafile=self.env['CA_FILE'])

    def smtp(self, port='SMTP', timeout=DEADLINE, **more):
        return smtplib.SMTP('127.0.0.1', self.port(port), local_hostname='client.test', timeout=timeout, **more)

    def submit(self, login, password):
        """An authenticated submission session, TLS on."""
        client = self.smtp('SUBMIT')
        client.starttls(context=self.tls())
        client.login(login, password)
        return client

    def imap(self, login=None, password=None, tls=True):
        if tls:
            client = imaplib.IMAP4_SSL('127.0.0.1', self.port('IMAPS'), ssl_context=self.tls(), timeout=DEADLINE)
        else:
            client = imaplib.IMAP4('127.0.0.1', self.port('IMAP'), timeout=DEADLINE)
        if login:
            client.login(login, password)
        return client

    def pop(self, login=None, password=None, tls=True):
        if tls:
            client = poplib.POP3_SSL('127.0.0.1', self.port('POPS'), context=self.tls(), timeout=DEADLINE)
        else:
            client = poplib.POP3('127.0.0.1', self.port('POP'), timeout=DEADLINE)
        if login:
            client.user(login)
            client.pass_(password)
        return client

    def wait_messages(self, login, password, count, mailbox='INBOX', deadline=DEADLINE):
        """Until STATUS tells of at least so many messages in the mailbox; answers how many there are."""
        client = self.imap(login, password)

        def enough():
            status, data = client.status(mailbox, '(MESSAGES)')
            found = re.search(rb'MESSAGES (\d+)', data[0] or b'') if status == 'OK' else None
            return int(found.group(1)) if found and int(found.group(1)) >= count else None
        try:
            return wait_until(enough, f'{count} messages in {mailbox} of {login}', deadline)
        finally:
            client.logout()


# ---- one sandbox for a whole test file ------------------------------------------------------------
_shared = None


def share(box):
    """Makes a sandbox that is not started yet the shared one: for files that set options first."""
    global _shared
    unittest.addModuleCleanup(stop_shared)
    _shared = box
    return box


def start_shared(*services, **more):
    box = share(Sandbox(**more))
    box.start(*services)
    return box


def stop_shared():
    global _shared
    box, _shared = _shared, None
    if box:
        box.remove()


class TestCase(unittest.TestCase):
    @property
    def box(self):
        return _shared


def main():
    unittest.main(verbosity=2)
