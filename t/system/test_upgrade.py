"""Programs of another version, or of a run/ that was removed, are still in the hands of start-msg and stop-msg."""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import unittest

import waxwing
from waxwing import wait_until

VERSION_AT = 8  # of run/journal, as every version has it


def other_version(root):
    """From now on what runs shares run/journal in a form that no program knows that starts."""
    with open(os.path.join(root, 'run/journal'), 'r+b') as control:
        control.seek(VERSION_AT)
        version, = struct.unpack('<I', control.read(4))
        control.seek(VERSION_AT)
        control.write(struct.pack('<I', version ^ 1))


def processes(root):
    """{pid: program} of the instance."""
    found = {}
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{entry}/cmdline', 'rb') as f:
                words = f.read().decode(errors='replace').split('\0')
        except OSError:
            continue
        if int(entry) != os.getpid() and any(w == root or w.startswith(root + '/') for w in words):
            found[int(entry)] = os.path.basename(words[0])
    return found


class Running(unittest.TestCase):
    options = {}

    def setUp(self):
        self.box = waxwing.Sandbox()
        self.addCleanup(self.box.remove)
        for name, value in self.options.items():
            self.box.set_option(name, value)
        self.box.start()
        self.joe = self.box.user('joe', 'secret')
        self.accepted = 0

    def accept(self, count=3):
        with self.box.smtp() as client:
            for _ in range(count):
                self.accepted += 1
                client.sendmail('sender@example.test', [self.joe], f'Subject: {self.accepted}\r\n\r\nhello\r\n')

    def fail_to_watch(self):
        """watcher is killed, as the one was that could not open the journal after an upgrade."""
        pid = self.box.kill('watcher')
        wait_until(lambda: not os.path.exists(f'/proc/{pid}/exe'), 'watcher to end')

    def nothing_is_lost(self):
        self.assertEqual(self.box.wait_messages('joe', 'secret', self.accepted), self.accepted)
        self.box.wait_queue_empty()

    def all_run_anew(self, before):
        status = self.box.status()
        self.assertEqual({state for state, _ in status.values()}, {'running'}, status)
        for name, (_, pid) in status.items():
            self.assertNotEqual(pid, before[name][1], name)


class AnotherVersion(Running):
    def test_start_msg_stops_another_version_and_starts_this_one(self):
        self.accept()
        self.box.wait_messages('joe', 'secret', 3)
        self.box.stop('job_controller')
        self.accept()
        before = self.box.status()
        other_version(self.box.root)
        self.fail_to_watch()
        told = self.box.command('start-msg', '--status', check=False)
        self.assertIn('start-msg stops them and starts the programs that are installed', told.stdout)
        self.assertRegex(told.stdout, r'programs of another version run .*stored \(pid \d+\).*run stop-msg, then start-msg')
        one = self.box.command('start-msg', '--restart', 'stored', check=False)
        self.assertEqual(one.returncode, 2)
        self.assertIn('start-msg without a name does both', one.stderr)
        self.assertEqual(self.box.status()['stored'], before['stored'])
        self.assertIn('nothing can be started anew: programs of another version run',
                      self.box.command('start-msg', '--status', check=False).stdout)
        out = self.box.start()
        self.assertRegex(out.stdout, r'(?s)stored +stopped.*stored +ready')
        self.all_run_anew(before)
        self.assertNotIn('started anew', self.box.command('start-msg', '--status').stdout)
        self.nothing_is_lost()

    def test_stop_msg_stops_another_version(self):
        self.box.stop('job_controller')
        self.accept()
        other_version(self.box.root)
        self.fail_to_watch()
        self.assertIn('stored           stopped', self.box.stop().stdout)
        wait_until(lambda: not processes(self.box.root), 'all to be gone')
        self.box.start()
        self.nothing_is_lost()

    def test_tools_tell_who_runs_and_what_to_do(self):
        other_version(self.box.root)
        told = self.box.command('imsimta', 'qm', 'summarize', check=False)
        self.assertNotEqual(told.returncode, 0)
        self.assertRegex(told.stdout + told.stderr, r'another version run.*stored \(pid \d+\).*run stop-msg, then start-msg')

    def test_a_watcher_that_goes_on_in_a_new_program_keeps_hold_of_another_version(self):
        self.accept()
        before = self.box.status()
        other_version(self.box.root)
        self.fail_to_watch()
        self.resume()
        self.assertEqual(self.box.status()['stored'], before['stored'])
        self.assertTrue(self.box.log('watcher', from_start=True).wait(r'watcher\.journal\.closed .*another version'))
        self.box.start()
        self.all_run_anew(before)
        self.nothing_is_lost()

    def resume(self):
        """What the old watcher does: its lock, its socket and its services are handed on. Here it is a child of ours."""
        run = os.path.join(self.box.root, 'run')
        os.unlink(f'{run}/watcher')
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here = os.getcwd()
        os.chdir(run)  # the path may be longer than a socket's name can be
        self.addCleanup(os.chdir, here)
        listener.bind('watcher')
        os.chdir(here)
        listener.listen(16)
        lock = os.open(f'{run}/watcher.pid', os.O_RDWR)
        services = ','.join(f'{name}={self.box.pid(name)}' for name in ('slapd', 'stored', 'imapd'))
        self.watcher = subprocess.Popen(
            [f'{self.box.root}/bin/watcher', '--instance', self.box.root, '--resume',
             f'{listener.fileno()}:{lock}:{services}'], pass_fds=(listener.fileno(), lock), env=self.box.env)
        os.close(lock)
        listener.close()
        self.addCleanup(lambda: (self.watcher.kill(), self.watcher.wait()))

    def test_a_resume_that_fails_is_in_the_log(self):
        self.fail_to_watch()
        self.box.edit('msg.conf', 'no equals sign\n', until=self)
        self.resume()
        self.assertEqual(self.watcher.wait(waxwing.DEADLINE), 1)
        self.assertTrue(self.box.log('watcher', from_start=True).wait(r"watcher\.resume\.failed why=.*no '='"))


class RemovedRun(Running):
    """run/ is removed while all runs: nobody finds a socket any more."""

    def setUp(self):
        super().setUp()
        self.accept()
        self.before = self.box.status()
        self.watcher_pid = self.box.pid('watcher')
        shutil.rmtree(os.path.join(self.box.root, 'run'))

    def test_status_names_all_that_run(self):
        told = self.box.command('start-msg', '--status', check=False)
        self.assertEqual(told.returncode, 1)
        for name in [*self.before, f'watcher (pid {self.watcher_pid}, ']:
            self.assertIn(name, told.stdout)
        self.assertIn('start-msg stops them and starts', told.stdout)

    def test_stop_msg_stops_all(self):
        self.box.stop()
        wait_until(lambda: not processes(self.box.root), 'all to be gone')
        self.box.start()
        self.nothing_is_lost()

    def test_start_msg_makes_it_again(self):
        self.box.start()
        self.all_run_anew(self.before)
        self.assertFalse(os.path.exists(f'/proc/{self.watcher_pid}/exe'))
        self.assertEqual(sorted(processes(self.box.root).values()).count('watcher'), 1)
        self.nothing_is_lost()


class RemovedRunWithoutJournal(RemovedRun):
    """Without a journal nothing else tells that what runs cannot be reached."""
    options = {'journal.enabled': 0}

    def test_status_names_all_that_run(self):
        told = self.box.command('start-msg', '--status', check=False)
        self.assertIn(f'watcher (pid {self.watcher_pid}, ', told.stdout)


if __name__ == '__main__':
    waxwing.main()
