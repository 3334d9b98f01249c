"""stored, mboxutil and reconstruct as an operator meets them: real processes, killed with -9."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import waxwing

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(os.environ.get('WAXWING_BUILD', os.path.join(TOP, 'build')), 'bin')


class Store(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix='waxwing store ')  # with a blank in it
        for name in ('config', 'run', 'log', 'store'):
            os.mkdir(os.path.join(self.root, name))
        with open(os.path.join(self.root, 'config', 'msg.conf'), 'w') as file:
            file.write('store.stored.timeout = 10\nlocal.defaultdomain = example.test\n')
        self.stored = None
        self.start()

    def tearDown(self):
        self.kill(signal.SIGKILL)
        shutil.rmtree(self.root)

    def start(self):
        self.stored = subprocess.Popen([os.path.join(BIN, 'stored'), '--instance', self.root])

    def kill(self, number):
        self.stored.send_signal(number)
        return self.stored.wait(timeout=waxwing.DEADLINE)

    def run_tool(self, name, *arguments, status=0):
        done = subprocess.run([os.path.join(BIN, name), '--instance', self.root, *arguments],
                              capture_output=True, text=True, timeout=2 * waxwing.DEADLINE)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def names(self, *arguments):
        return self.run_tool('mboxutil', '-l', '-s', *arguments).split('\n')[:-1]

    def test_commands(self):
        self.run_tool('mboxutil', '-c', 'user/ann/inbox', 'user/ann/Sent', 'user/ann/Sent/2026', 'user/bob@x.test/INBOX')
        self.run_tool('mboxutil', '-c', 'user/ann/Sent', status=1)
        self.run_tool('mboxutil', '-c', 'ann', status=1)
        self.assertEqual(self.names('-p', 'user/ann/%'), ['user/ann/INBOX', 'user/ann/Sent'])
        self.assertEqual(self.names('-P', 'user/.*@x\\.test/.*'), ['user/bob@x.test/INBOX'])
        self.run_tool('mboxutil', '-r', 'user/ann/Sent', 'user/ann/Entw\u00fcrfe')
        self.assertEqual(self.names('-p', 'user/ann/Entw&APw-rfe*'),
                         ['user/ann/Entw\u00fcrfe', 'user/ann/Entw\u00fcrfe/2026'])
        self.assertIn('uidvalidity=', self.run_tool('mboxutil', '-l', '-x'))
        self.assertIn('ann', self.run_tool('mboxutil', '-q', '-'))
        self.assertIn('bob@x.test', self.run_tool('mboxutil', '-q', 'x.test'))
        # The default domain by its name.
        self.assertIn(' ann\n', self.run_tool('mboxutil', '-q', 'example.test'))
        self.run_tool('mboxutil', '-c', 'user/ann@example.test/Later')
        self.assertEqual(self.names('-p', '*Later'), ['user/ann/Later'])
        self.run_tool('mboxutil', '-d', 'user/ann/INBOX')
        self.assertEqual(self.names(), ['user/bob@x.test/INBOX'])
        self.run_tool('mboxutil', '-l', '-P', '(', status=1)
        self.run_tool('mboxutil', '-l', '-c', status=2)

    def test_kill_and_lose_the_list(self):
        self.run_tool('mboxutil', '-c', 'user/ann/INBOX', 'user/ann/a/b')
        self.kill(signal.SIGKILL)
        self.start()
        self.assertEqual(self.names(), ['user/ann/INBOX', 'user/ann/a/b'])
        self.assertEqual(self.kill(signal.SIGTERM), 0)
        shutil.rmtree(os.path.join(self.root, 'store', 'mboxlist'))
        self.start()
        self.assertEqual(self.names(), ['user/ann/INBOX', 'user/ann/a/b'])
        with open(os.path.join(self.root, 'log', 'stored.log')) as log:
            self.assertIn('stored.list.rebuilt', log.read())

    def test_adopt_what_was_away(self):
        self.run_tool('mboxutil', '-c', 'user/ann/INBOX', 'user/ann/a/b')
        users = os.path.join(self.root, 'store', 'partition', 'primary', '=user')
        os.rename(users, users + '.away')
        os.mkdir(users)
        self.run_tool('reconstruct', '-m')
        self.assertEqual(self.names(), [])
        os.rmdir(users)
        os.rename(users + '.away', users)
        self.assertIn('not in the list: user/ann/a/b', self.run_tool('reconstruct', '-m', '-n', status=1))
        self.run_tool('reconstruct', '-m')
        self.assertEqual(self.names(), ['user/ann/INBOX', 'user/ann/a/b'])
        self.assertIn('user/ann/INBOX: right', self.run_tool('reconstruct', '-r'))
        self.assertIn('rebuilt', self.run_tool('reconstruct', '-f', 'user/ann/INBOX'))
        self.assertIn('ann: 0 messages', self.run_tool('reconstruct', '-q'))
        self.assertIn('generation: 2', self.run_tool('imcheck', '-m', 'user/ann/INBOX'))

    def test_waits_for_stored(self):
        self.kill(signal.SIGKILL)
        tool = subprocess.Popen([os.path.join(BIN, 'mboxutil'), '--instance', self.root, '-c', 'user/ann/INBOX'])
        self.start()
        self.assertEqual(tool.wait(timeout=waxwing.DEADLINE), 0)


if __name__ == '__main__':
    unittest.main()
