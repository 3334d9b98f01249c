"""watcher, start-msg and stop-msg with stand-ins for the services, so that dying and hanging can be arranged."""
import datetime
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import waxwing
from waxwing import wait_until

# A service that says it is ready and lives until TERM. How it behaves is read from a file at its start.
STAND_IN = r'''#!/usr/bin/env python3
import os, signal, socket, sys
name, root = os.path.basename(sys.argv[0]), sys.argv[2]
try:
    mode = open(f'{root}/mode.{name}').read().strip()
except FileNotFoundError:
    mode = 'well'
if mode == 'dies':
    print(f'{name}: cannot bind the port, somebody has it', file=sys.stderr)
    sys.exit(78)
signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == 'stubborn' else lambda *_: sys.exit(0))
open(f'{root}/order', 'a').write(f'{name}\n')
word = lambda verb: f'{verb}\0name={name}\0pid={os.getpid()}\0'.encode()
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(f'{root}/run/watcher')
# What the real ones do: they speak again to a watcher that went and came back, and tell what a HUP did.
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(f'{root}/run/watcher')
    return s
def reload(*_):
    if mode == 'mute':
        return
    told = connect()
    told.send(word('reloaded') + (b'trouble=a broken file\0' if mode == 'refuses' else b'changed=a.b\0'))
signal.signal(signal.SIGHUP, reload)
if mode != 'never ready':
    s.send(word('ready'))
    try:
        s.send(word('alive'))
    except BrokenPipeError:
        pass  # a watcher that is killed as soon as all are ready
while True:
    signal.pause()
'''
SERVICES = ['stored', 'job_controller', 'metermaid', 'dispatcher', 'imapd', 'popd']


class Instance:
    def __init__(self):
        self.root = tempfile.mkdtemp(prefix='waxwing-watcher-')
        for name in ('bin', 'config', 'run', 'log'):
            os.mkdir(os.path.join(self.root, name))
        for name in ('watcher', 'start-msg', 'stop-msg'):
            shutil.copy(os.path.join(waxwing.STAGE, 'bin', name), os.path.join(self.root, 'bin'))
        for name in SERVICES:
            path = os.path.join(self.root, 'bin', name)
            with open(path, 'w') as f:
                f.write(STAND_IN)
            os.chmod(path, 0o755)
        self.configure()

    def configure(self, **options):
        with open(os.path.join(self.root, 'config/msg.conf'), 'w') as f:
            f.write('directory.enable = 0\n')
            for name, value in options.items():
                f.write(f'{name.replace("__", ".")} = {value}\n')

    def mode(self, service, mode):
        with open(os.path.join(self.root, f'mode.{service}'), 'w') as f:
            f.write(mode)

    def run(self, *words):
        return subprocess.run([os.path.join(self.root, 'bin', words[0]), *words[1:]], text=True, timeout=2 * waxwing.DEADLINE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def status(self):
        rows = [line.split() for line in self.run('start-msg', '--status').stdout.splitlines()[1:]]
        return {r[0]: r[1] for r in rows}

    def pid(self, service):
        try:
            with open(os.path.join(self.root, 'run', service + '.pid')) as f:
                return int(f.read())
        except (FileNotFoundError, ValueError):
            return None

    def log(self):
        return waxwing.LogFollower(os.path.join(self.root, 'log/watcher.log'), from_start=True)

    def remove(self):
        if os.path.exists(self.root):
            self.run('stop-msg')
        shutil.rmtree(self.root, ignore_errors=True)


def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


@unittest.skipUnless(os.getuid() == 0, 'only root mounts a small file system')
class DiskFull(unittest.TestCase):
    def setUp(self):
        self.it = Instance()
        self.addCleanup(shutil.rmtree, self.it.root, True)
        self.kept = self.it.root + '.kept'
        shutil.move(self.it.root, self.kept)
        self.addCleanup(shutil.rmtree, self.kept, True)
        os.mkdir(self.it.root)
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64m', 'none', self.it.root]).returncode != 0:
            self.skipTest('no file system can be mounted here')
        self.addCleanup(subprocess.run, ['umount', '-l', self.it.root])
        self.addCleanup(self.it.run, 'stop-msg')
        shutil.copytree(self.kept, self.it.root, dirs_exist_ok=True)
        self.filler = os.path.join(self.it.root, 'filler')

    def fill(self):
        with open(self.filler, 'wb', buffering=0) as f:
            try:
                while True:
                    f.write(bytes(1 << 20))
            except OSError:
                pass
            try:
                while True:
                    f.write(bytes(1))
            except OSError:
                pass

    def test_watcher_comes_up_says_what_is_wrong_and_starts_all_when_there_is_room(self):
        self.fill()
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 2, out.stdout)
        self.assertRegex(out.stdout, r'No space left on device.*; make room on its file system, then run start-msg')
        told = self.it.run('start-msg', '--status')
        self.assertEqual(told.returncode, 1, told.stdout)
        self.assertRegex(told.stdout, r'watcher runs, pid \d+\nnothing can be started anew: .*No space left on device.*; make room')
        self.assertRegex(told.stdout, r'a disk is full: 100 % used, 0 MB .*make room')
        pid = re.search(r'watcher runs, pid (\d+)', told.stdout)[1]
        os.unlink(self.filler)
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 0, out.stdout)
        self.assertIn(f'watcher runs, pid {pid}\n', self.it.run('start-msg', '--status').stdout)

    def test_one_that_the_system_starts_waits_for_room(self):
        self.fill()
        watcher = subprocess.Popen([os.path.join(self.it.root, 'bin/watcher'), '--instance', self.it.root, '--foreground'],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.terminate)
        wait_until(lambda: 'nothing can be started anew' in self.it.run('start-msg', '--status').stdout, 'the watcher to say so')
        self.assertIsNone(watcher.poll())
        os.unlink(self.filler)
        wait_until(lambda: set(self.it.status().values()) == {'running'}, 'all to run')

    def test_what_runs_goes_on_and_what_ends_is_started_again(self):
        self.assertEqual(self.it.run('start-msg').returncode, 0)
        for name in os.listdir(os.path.join(self.it.root, 'log')):
            os.unlink(os.path.join(self.it.root, 'log', name))
        self.fill()
        before = self.it.pid('imapd')
        os.kill(before, signal.SIGKILL)

        def again():
            line = re.search(r'imapd +running +pid (\d+)', self.it.run('start-msg', '--status').stdout)
            return line and int(line[1]) != before
        wait_until(again, 'another imapd')

    def test_one_that_is_read_only_is_told(self):
        self.assertEqual(self.it.run('start-msg').returncode, 0)
        queue = os.path.join(self.it.root, 'queue')
        os.makedirs(queue, exist_ok=True)
        subprocess.run(['mount', '--bind', queue, queue], check=True)
        self.addCleanup(subprocess.run, ['umount', '-l', queue])
        subprocess.run(['mount', '-o', 'remount,bind,ro', queue], check=True)
        told = self.it.run('start-msg', '--status')
        self.assertEqual(told.returncode, 1)
        self.assertIn('a disk is read-only: queue; mail is refused for the time being; the kernel', told.stdout)

    def test_what_was_stopped_is_started_again(self):
        self.assertEqual(self.it.run('start-msg').returncode, 0)
        self.assertEqual(self.it.run('stop-msg').returncode, 0)
        self.fill()
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 0, out.stdout)
        told = self.it.run('start-msg', '--status').stdout
        self.assertEqual({words[1] for line in told.splitlines() if line.startswith('  ') and (words := line.split())}, {'running'}, told)
        self.assertIn('a disk is full', told)


class InitScript(unittest.TestCase):
    """etc/system/waxwing.init as an init would call it, on an instance of stand-ins."""

    def setUp(self):
        self.it = Instance()
        self.addCleanup(self.it.remove)
        shutil.copy(os.path.join(waxwing.STAGE, 'bin/imsimta'), os.path.join(self.it.root, 'bin'))
        with open(os.path.join(waxwing.TOP, 'etc/system/waxwing.init')) as f:
            text = f.read()
        self.script = os.path.join(self.it.root, 'waxwing.init')
        with open(self.script, 'w') as f:
            f.write(text.replace('/opt/waxwing', self.it.root))

    def call(self, *words):
        return subprocess.run(['sh', self.script, *words], text=True, timeout=60, cwd='/', env={'TERM': 'dumb'},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_its_words(self):
        self.assertEqual(self.call('status').returncode, 3)
        for word, code in (('start', 0), ('start', 0), ('status', 0)):
            out = self.call(word)
            self.assertEqual(out.returncode, code, out.stdout)
        before = self.it.pid('imapd')
        out = self.call('reload')
        self.assertEqual((out.returncode, self.it.pid('imapd')), (0, before), out.stdout)
        self.assertRegex(out.stdout, 'imapd +reloaded +a.b')
        for word in ('restart', 'force-reload', 'try-restart'):
            self.assertEqual(self.call(word).returncode, 0, word)
            self.assertNotEqual(self.it.pid('imapd'), before)
            before = self.it.pid('imapd')
        self.it.run('stop-msg', 'popd')
        self.assertEqual(self.call('status').returncode, 1)
        for word, code in (('stop', 0), ('stop', 0), ('status', 3), ('try-restart', 0), ('status', 3), ('dance', 2)):
            self.assertEqual(self.call(word).returncode, code, word)

    def test_a_service_that_does_not_start_is_told(self):
        self.it.mode('imapd', 'dies')
        out = self.call('start')
        self.assertEqual(out.returncode, 1)
        self.assertIn('imapd did not start', out.stdout)

    def test_where_nothing_is_installed(self):
        os.remove(os.path.join(self.it.root, 'bin/start-msg'))
        self.assertEqual([self.call(word).returncode for word in ('start', 'status', 'stop')], [5, 5, 0])


class Watcher(unittest.TestCase):
    def setUp(self):
        self.it = Instance()
        self.addCleanup(self.it.remove)

    def back_with_another_pid(self, name, before):
        """Up again, and started within two seconds of its end by watcher's own clock (the machine may be busy)."""
        # The pid first: what watcher says then is about that process.
        wait_until(lambda: self.it.pid(name) not in (None, before) and self.it.status().get(name) == 'running',
                   f'{name} to come back')
        lines = self.it.log().read()
        ended = next(i for i, l in enumerate(lines) if f'watcher.exit service={name} pid={before} ' in l)
        started = next(l for l in lines[ended:] if f'watcher.start service={name} ' in l)
        when = lambda line: datetime.datetime.fromisoformat(line.split()[0].replace('Z', '+00:00'))
        self.assertLess((when(started) - when(lines[ended])).total_seconds(), 2)

    def test_starts_all_in_order_and_stops_all(self):
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 0, out.stdout)
        for name in SERVICES:
            self.assertRegex(out.stdout, rf'{name} +ready')
        with open(os.path.join(self.it.root, 'order')) as f:
            order = f.read().split()
        self.assertLess(order.index('stored'), order.index('job_controller'))
        self.assertLess(order.index('job_controller'), order.index('dispatcher'))
        self.assertEqual(set(self.it.status().values()), {'running'})
        pids = [self.it.pid(name) for name in SERVICES + ['watcher']]
        out = self.it.run('stop-msg')
        self.assertEqual(out.returncode, 0, out.stdout)
        stopped = [line.split()[0] for line in out.stdout.splitlines()]
        self.assertEqual(stopped[-1], 'stored')
        wait_until(lambda: not [p for p in pids if alive(p)], 'all to be gone', 2)
        self.assertEqual(os.listdir(os.path.join(self.it.root, 'run')), ['journal.spare'])

    def test_repeating_is_safe(self):
        self.it.run('start-msg')
        before = self.it.pid('imapd')
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 0, out.stdout)
        self.assertRegex(out.stdout, r'imapd +runs')
        self.assertEqual(self.it.pid('imapd'), before)
        self.it.run('stop-msg')
        out = self.it.run('stop-msg')
        self.assertEqual((out.returncode, 'nothing runs' in out.stdout), (0, True))

    def test_starting_right_after_stopping(self):
        for _ in range(5):
            out = self.it.run('start-msg')
            self.assertEqual(out.returncode, 0, out.stdout)
            self.it.run('stop-msg')

    def test_one_service_by_name(self):
        self.it.run('start-msg')
        out = self.it.run('stop-msg', 'imap')
        self.assertEqual(out.returncode, 0, out.stdout)
        self.assertEqual(self.it.status()['imapd'], 'stopped')
        self.assertEqual(self.it.status()['popd'], 'running')
        self.assertEqual(self.it.run('start-msg', 'imapd').returncode, 0)
        self.assertEqual(self.it.status()['imapd'], 'running')
        out = self.it.run('start-msg', 'imapx')
        self.assertEqual(out.returncode, 2)
        self.assertRegex(out.stdout, "no service 'imapx'; there are .*imapd")

    def test_a_pid_file_that_cannot_be_written_loses_no_process(self):
        os.makedirs(os.path.join(self.it.root, 'run/imapd.pid'))
        self.assertEqual(self.it.run('start-msg').returncode, 0)
        line = re.search(r'imapd +running +pid (\d+)', self.it.run('start-msg', '--status').stdout)
        self.assertTrue(line)
        self.assertEqual(self.it.run('stop-msg').returncode, 0)
        self.assertFalse(alive(int(line.group(1))))

    def test_restart_gives_another_process(self):
        self.it.run('start-msg')
        before, other = self.it.pid('imapd'), self.it.pid('popd')
        out = self.it.run('start-msg', '--restart', 'imapd')
        self.assertEqual(out.returncode, 0, out.stdout)
        self.assertNotEqual(self.it.pid('imapd'), before)
        self.assertEqual(self.it.pid('popd'), other)

    def test_the_service_manager_hears_when_all_is_ready(self):
        address = os.path.join(self.it.root, 'notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(address)
            listener.settimeout(waxwing.DEADLINE)
            for mode, expected in (('well', 'all services run'), ('dies', 'not running:.* imapd')):
                self.it.mode('imapd', mode)
                watcher = subprocess.Popen([os.path.join(self.it.root, 'bin/watcher'), '--foreground'],
                                           env={**os.environ, 'NOTIFY_SOCKET': address})
                word = listener.recv(4096).decode()
                self.assertTrue(word.startswith('READY=1\n'), word)
                self.assertRegex(word, 'STATUS=' + expected)
                if mode == 'well':
                    self.assertEqual(set(self.it.status().values()), {'running'})
                watcher.terminate()
                self.assertEqual(listener.recv(4096), b'STOPPING=1')
                self.assertEqual(watcher.wait(timeout=waxwing.DEADLINE), 0)

    # ---- a reload ----
    def test_a_reload_tells_of_each_service(self):
        shutil.copy(os.path.join(waxwing.STAGE, 'bin/imsimta'), os.path.join(self.it.root, 'bin'))
        self.it.mode('popd', 'refuses')
        self.it.run('start-msg')
        out = self.it.run('imsimta', 'reload')
        self.assertEqual(out.returncode, 75, out.stdout)
        self.assertRegex(out.stdout, r'(?m)^  imapd +reloaded +a\.b$')
        self.assertRegex(out.stdout, r'(?m)^  popd +REFUSED +a broken file$')

    # ---- an upgrade ----
    def upgrade_watcher(self):
        path = os.path.join(self.it.root, 'bin/watcher')
        shutil.copy(path, path + '.new')
        os.rename(path + '.new', path)

    def test_start_makes_watcher_the_installed_program_and_keeps_what_runs(self):
        self.it.run('start-msg')
        self.it.run('stop-msg', 'popd')
        before = {name: self.it.pid(name) for name in SERVICES + ['watcher']}
        self.assertNotIn('older', self.it.run('start-msg', '--status').stdout)
        self.upgrade_watcher()
        self.assertRegex(self.it.run('start-msg', '--status').stdout, r'watcher runs, pid \d+  older than its program')
        out = self.it.run('start-msg', 'imapd')
        self.assertEqual(out.returncode, 0, out.stdout)
        self.assertRegex(out.stdout, rf'watcher +renewed +pid {before["watcher"]} ')
        self.assertNotIn('older', self.it.run('start-msg', '--status').stdout)
        self.assertEqual(self.it.status(), {name: 'stopped' if name == 'popd' else 'running' for name in SERVICES})
        for name in SERVICES:
            if name != 'popd':
                self.assertEqual(self.it.pid(name), before[name])
        # It still is their parent: it hears of an end, and nothing of a dead one stays.
        os.kill(before['imapd'], signal.SIGKILL)
        self.back_with_another_pid('imapd', before['imapd'])
        self.assertFalse(alive(before['imapd']))
        self.assertTrue(self.it.log().wait(r'watcher\.exit service=imapd .*killed by signal 9'))
        self.assertEqual(self.it.run('start-msg').returncode, 0)
        self.assertEqual(self.it.status()['popd'], 'running')
        pids = [self.it.pid(name) for name in SERVICES + ['watcher']]
        self.assertEqual(self.it.run('stop-msg').returncode, 0)
        wait_until(lambda: not [p for p in pids if alive(p)], 'all to be gone')

    def test_a_renewed_watcher_is_the_only_one_and_ends_on_a_signal(self):
        self.it.run('start-msg')
        self.upgrade_watcher()
        self.it.run('start-msg')
        second = self.it.run('watcher', '--foreground')
        self.assertEqual((second.returncode, 'another watcher runs' in second.stdout), (1, True))
        pid = self.it.pid('watcher')
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not alive(pid), 'watcher to end')
        self.assertEqual(os.listdir(os.path.join(self.it.root, 'run')), ['journal.spare'])

    def test_what_waits_to_be_tried_again_is_tried_by_the_renewed_watcher(self):
        self.it.mode('imapd', 'dies')
        self.it.run('start-msg')
        self.upgrade_watcher()
        self.it.mode('imapd', 'well')
        self.assertEqual(self.it.run('start-msg').returncode, 0)
        self.assertEqual(self.it.status()['imapd'], 'running')

    def test_a_broken_msg_conf_leaves_the_old_watcher_at_work(self):
        self.it.run('start-msg')
        self.upgrade_watcher()
        with open(os.path.join(self.it.root, 'config', 'msg.conf'), 'a') as f:
            f.write('no equals sign\n')
        self.assertEqual(self.it.run('start-msg').returncode, 2)
        self.it.configure()
        out = self.it.run('start-msg')
        self.assertEqual((out.returncode, 'renewed' in out.stdout), (0, True))

    def test_a_new_program_that_cannot_run_leaves_the_old_watcher_at_work(self):
        self.it.run('start-msg')
        path = os.path.join(self.it.root, 'bin/watcher')
        with open(path + '.new', 'w') as f:
            f.write('no program\n')
        os.rename(path + '.new', path)
        out = self.it.run('start-msg')
        self.assertIn('the installed watcher does not run ', out.stdout)
        self.assertEqual(set(self.it.status().values()), {'running'})

    def test_a_new_program_with_another_journal_leaves_the_old_watcher_at_work(self):
        self.it.run('start-msg')
        before = {name: self.it.pid(name) for name in SERVICES + ['watcher']}
        self.upgrade_watcher()
        with open(os.path.join(self.it.root, 'run/journal'), 'r+b') as control:
            control.seek(8)
            version = control.read(1)[0]
            control.seek(8)
            control.write(bytes([version ^ 1]))
        out = self.it.run('start-msg', '--restart', 'stored')
        self.assertEqual((out.returncode, 'run stop-msg, then start-msg' in out.stdout), (2, True), out.stdout)
        self.assertEqual({name: self.it.pid(name) for name in SERVICES + ['watcher']}, before)
        self.assertEqual(set(self.it.status().values()), {'running'})
        self.assertEqual(self.it.run('stop-msg').returncode, 0)
        self.assertEqual(self.it.run('start-msg').returncode, 0)
        self.assertNotIn('older', self.it.run('start-msg', '--status').stdout)

    def test_starting_one_starts_what_it_needs(self):
        self.assertEqual(self.it.run('start-msg', 'popd').returncode, 0)
        self.assertEqual({n for n, s in self.it.status().items() if s == 'running'}, {'stored', 'popd'})

    def test_what_is_killed_comes_back_within_two_seconds(self):
        self.it.run('start-msg')
        for name in SERVICES:
            before = self.it.pid(name)
            os.kill(before, signal.SIGKILL)
            self.back_with_another_pid(name, before)

    def test_what_is_killed_comes_back_also_while_what_it_needs_is_away(self):
        self.it.run('start-msg')
        self.it.run('stop-msg', 'stored')
        before = self.it.pid('imapd')
        os.kill(before, signal.SIGKILL)
        self.back_with_another_pid('imapd', before)
        self.assertEqual(self.it.status()['stored'], 'stopped')

    def test_failure_names_the_service_and_shows_its_log(self):
        self.it.mode('imapd', 'dies')
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 1)
        self.assertIn('imapd did not start: exit status 78', out.stdout)
        self.assertIn('cannot bind the port, somebody has it', out.stdout)
        self.assertEqual(self.it.status()['popd'], 'running')
        self.it.mode('imapd', 'well')
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 0, out.stdout)

    def test_a_mistake_in_msg_conf_does_not_hide_what_runs(self):
        self.it.run('start-msg')
        with open(os.path.join(self.it.root, 'config', 'msg.conf'), 'a') as f:
            f.write('no equals sign\n')
        self.assertEqual(self.it.status()['popd'], 'running')
        out = self.it.run('start-msg', 'popd')
        self.assertEqual(out.returncode, 2)
        self.assertIn("no '='", out.stdout)

    def test_what_needs_a_failed_service_waits(self):
        self.it.mode('stored', 'dies')
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 1)
        self.assertIn('stored did not start', out.stdout)
        self.assertIn('imapd waits for it', out.stdout)

    def test_dying_again_and_again_slows_down_and_is_loud(self):
        self.it.mode('popd', 'dies')
        self.it.run('start-msg')
        line = self.it.log().wait('watcher.dies.again')
        self.assertIn('critical', line)
        self.assertIn('service=popd', line)
        self.it.log().wait('pause_ms=2000')

    def test_what_is_never_ready_counts_as_failed(self):
        self.it.configure(watcher__start_timeout=1)
        self.it.mode('popd', 'never ready')
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 1)
        self.assertIn('popd did not start: was not ready in time', out.stdout)

    def test_what_hangs_is_killed_and_started_again(self):
        self.it.configure(watcher__alive_timeout=1)
        self.it.run('start-msg')
        before = self.it.pid('imapd')
        self.it.log().wait('service=imapd.*why="gave no sign of life"')
        wait_until(lambda: self.it.pid('imapd') not in (None, before), 'another imapd')

    def test_what_does_not_stop_is_killed(self):
        self.it.configure(watcher__stop_timeout=1)
        self.it.mode('popd', 'stubborn')
        self.it.run('start-msg')
        pid = self.it.pid('popd')
        self.assertEqual(self.it.run('stop-msg').returncode, 0)
        self.assertFalse(alive(pid))

    def test_services_outlive_watcher_and_are_adopted(self):
        self.it.run('start-msg')
        pids = {name: self.it.pid(name) for name in SERVICES}
        os.kill(self.it.pid('watcher'), signal.SIGKILL)
        wait_until(lambda: 'watcher does not run' in self.it.run('start-msg', '--status').stdout, 'watcher to be gone')
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 0, out.stdout)
        self.assertEqual({name: self.it.pid(name) for name in SERVICES}, pids)
        os.kill(pids['popd'], signal.SIGKILL)
        self.back_with_another_pid('popd', pids['popd'])

    def test_what_a_dead_watcher_left_running_is_told_and_stopped(self):
        self.it.run('start-msg')
        pids = {name: self.it.pid(name) for name in SERVICES}
        os.kill(self.it.pid('watcher'), signal.SIGKILL)
        wait_until(lambda: 'watcher does not run' in self.it.run('start-msg', '--status').stdout, 'watcher to be gone')
        out = self.it.run('start-msg', '--status')
        self.assertEqual(out.returncode, 1)
        for name in SERVICES:
            self.assertIn(name, out.stdout)
        self.assertEqual(self.it.run('stop-msg').returncode, 0)
        # Nobody here is their parent: whoever is has to take notice first.
        wait_until(lambda: not [name for name, pid in pids.items() if alive(pid)], 'all to be gone')
        self.assertEqual(self.it.run('start-msg', '--status').returncode, 3)

    def test_a_watcher_that_hangs_does_not_hang_the_tools(self):
        self.it.run('start-msg')
        watcher = self.it.pid('watcher')
        os.kill(watcher, signal.SIGSTOP)
        try:
            out = self.it.run('start-msg', '--status')
            self.assertNotEqual(out.returncode, 0)
            self.assertIn(f'watcher, pid {watcher}, does not answer', out.stdout)
        finally:
            os.kill(watcher, signal.SIGCONT)

    def test_only_one_watcher(self):
        self.it.run('start-msg')
        out = self.it.run('watcher')
        self.assertEqual(out.returncode, 1)
        self.assertIn('another watcher runs already', out.stdout)

    def test_term_stops_everything(self):
        self.it.run('start-msg')
        pids = [self.it.pid(name) for name in SERVICES]
        os.kill(self.it.pid('watcher'), signal.SIGTERM)
        wait_until(lambda: not [p for p in pids if alive(p)], 'all to stop')

    def test_an_instance_that_is_removed_ends(self):
        self.it.run('start-msg')
        pids = [self.it.pid(name) for name in SERVICES + ['watcher']]
        os.rename(self.it.root, self.it.root + '-old')
        shutil.copytree(self.it.root + '-old', self.it.root, ignore=shutil.ignore_patterns('run'))  # what is made in its place
        shutil.rmtree(self.it.root + '-old', ignore_errors=True)
        wait_until(lambda: not [p for p in pids if alive(p)], 'all to stop')

    def test_a_wrong_option_keeps_the_running_configuration(self):
        self.it.run('start-msg')
        self.it.configure(imap__port='many')
        out = self.it.run('start-msg')
        self.assertEqual(out.returncode, 2)
        self.assertIn('imap.port', out.stdout)
        self.it.configure()
        self.assertEqual(set(self.it.status().values()), {'running'})


if __name__ == '__main__':
    waxwing.main()
