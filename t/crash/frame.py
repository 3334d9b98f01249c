"""The system tests' frame, for the tests of this folder; and what they share."""
import contextlib
import glob
import os
import re
import signal
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 't', 'system'))

import waxwing  # noqa: E402
from waxwing import BUILD, DEADLINE, Late, Sandbox, wait_until  # noqa: E402,F401

KEPT = os.path.join(BUILD, 'crash', 'kept')  # what repeats a failure
SERVICES = ('slapd', 'stored', 'job_controller', 'metermaid', 'dispatcher', 'imapd', 'popd')
LIMITS = '--quota', '4G', '--message-quota', '1000000'  # never reached: usage is told to those who have a limit only
OPTIONS = {'store.purgeinterval': 1, 'store.cleanupage': 0, 'store.stored.timeout': 20}


def set_up(users, password, options=None, environment=None, services=(), prepare=lambda box: None):
    """A sandbox that runs, with these users. prepare: what is done to it before its start."""
    box = Sandbox(name='box')
    try:
        for name, value in {**OPTIONS, **(options or {})}.items():
            box.set_option(name, value)
        prepare(box)
        start(box, environment, *services)
        for user in users:
            box.user(user, password, *LIMITS)
    except BaseException:
        box.remove()
        raise
    return box


def start(box, environment=None, *services):
    box.started = True
    box.run([os.path.join(box.root, 'bin', 'start-msg'), *services], env={**box.env, **(environment or {})})


def keep_rest(root, target, trees):
    """A copy of an instance at rest, but for these folders: what revive() needs beside them."""
    os.makedirs(target)
    for name in sorted(set(os.listdir(root)) - {*trees, 'run', 'log'}):
        subprocess.run(['cp', '-a', '--sparse=always', os.path.join(root, name), target], check=True)


def revive(root, env, port_base):
    """The sandbox of an instance whose own was removed, and whose folder was made again: with its ports."""
    box = object.__new__(Sandbox)
    box.folder, box.root, box.env, box.started = os.path.dirname(root), root, env, False
    box.ports = object.__new__(waxwing.PortRange)
    wait_until(lambda: box.ports.take(port_base), f'ports {port_base} and those behind it to be free')
    return box


def children(pid):
    """{pid: program} of a process; empty when it is gone."""
    found = {}
    try:
        with open(f'/proc/{pid}/task/{pid}/children') as f:
            pids = [int(p) for p in f.read().split()]
        for child in pids:
            with open(f'/proc/{child}/comm') as f:
                found[child] = f.read().strip()
    except OSError:
        pass
    return found


def where_it_stands(pid):
    """The stacks of a process that hangs, as far as there is a debugger; else in which system calls it waits."""
    try:
        done = subprocess.run(['gdb', '-p', str(pid), '-batch', '-ex', 'thread apply all backtrace'],
                              capture_output=True, text=True, errors='replace', timeout=4 * DEADLINE)
        return done.stdout[-20000:]
    except (OSError, subprocess.TimeoutExpired):
        pass
    found = []
    for path in sorted(glob.glob(f'/proc/{pid}/task/*/syscall')):
        try:
            with open(path) as f:
                found.append(f'{path}: {f.read().strip()}')
        except OSError:
            pass
    return '\n'.join(found)


@contextlib.contextmanager
def held(box):
    """No process of the instance moves meanwhile."""
    pids, fresh = [], [box.pid('watcher')]
    while fresh:
        for pid in fresh:
            os.kill(pid, signal.SIGSTOP)
        pids += fresh
        fresh = [child for pid in fresh for child in children(pid)]
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


def all_running(box):
    """True when everything runs; the watcher, and a service that pauses before its next try, are told to go on."""
    status = box.status()
    if not status or any(state == 'failed' for state, _ in status.values()):  # no status: no watcher
        box.command('start-msg', check=False)
        return False
    return all(status.get(name, ('', 0))[0] == 'running' for name in SERVICES)


def wait_all_running(box):
    wait_until(lambda: all_running(box), 'all services to run', pause=0.05)


def check_indexes(box, accounts):
    """imcheck of every mailbox: no damaged record, no record without its file, and the counters tell what is there."""
    for account in accounts:
        for folder, messages in account.state.items():
            done = box.command('imcheck', '-m', f'user/{account.user}/{folder}', check=False)
            # An INBOX is made when it is first needed; all others were made, and must be known.
            if folder == 'INBOX' and not messages and re.search('NONEXISTENT|no mailbox', done.stderr):
                continue
            wrong = wrong_in_index(done.stdout)
            if done.returncode != 0 or wrong:
                raise AssertionError(f'imcheck of {account.user}/{folder}: status {done.returncode}\n'
                                     f'{done.stderr}\n' + '\n'.join(wrong))


def wrong_in_index(dump):
    """What imcheck prints and should not, in words."""
    wrong = re.findall(r'^slot.*(?:DAMAGED|NO FILE).*$', dump, re.M)
    told = {name: int(value) for name, value in re.findall(r'^(messages|unseen|deleted|bytes): (\d+)$', dump, re.M)}
    rows = [(int(size), flags.split(',')) for size, flags in re.findall(r'^slot .* size (\d+) .* flags (\S+)', dump, re.M)]
    live = [(size, flags) for size, flags in rows if not {'EXPUNGED', 'RESERVED', 'VOID'}.intersection(flags)]
    found = {'messages': len(live), 'unseen': sum('seen' not in flags for _, flags in live),
             'deleted': sum('deleted' in flags for _, flags in live), 'bytes': sum(size for size, _ in live)}
    if told != found:
        wrong.append(f'the index counts {told}, and has {found}')
    return wrong


def crashes(box):
    """Log lines of a service or worker that was ended by a signal other than the one the test has sent."""
    found = []
    for name in sorted(os.listdir(os.path.join(box.root, 'log'))):
        with open(os.path.join(box.root, 'log', name), errors='replace') as log:
            found += [line.strip() for line in log
                      if re.search(r'(killed by signal|how="?signal|signal[= ]"?)\s*(4|6|7|8|11)\b', line)]
    return found


def said(box, event):
    """Does a log hold this event?"""
    folder = os.path.join(box.root, 'log')
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), errors='replace') as log:
            if any(f' {event} ' in line for line in log):
                return True
    return False


def program(name):
    """A helper of this folder, built by make."""
    return os.path.join(BUILD, 'crash', name)
