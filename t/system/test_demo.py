"""make demo's program: twice, stopped, moved, and somebody else's."""
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import waxwing

DEMO = os.path.join(waxwing.TOP, 'tools/demo/demo.py')


def demo(*words):
    return subprocess.run([sys.executable, DEMO, *words], capture_output=True, text=True, errors='replace', timeout=4 * waxwing.DEADLINE)


class Demo(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, self.top, True)
        self.folder = os.path.join(self.top, "a demo's folder")
        self.addCleanup(self.stop)

    def stop(self):
        return demo('--stop', waxwing.STAGE, self.folder)

    def start(self):
        return demo(waxwing.STAGE, self.folder)

    def test_twice_and_stopped(self):
        pids = []
        for run in range(2):
            out = self.start()
            self.assertEqual((out.returncode, out.stderr), (0, ''), out.stdout)
            self.assertIn('the same message', out.stdout)
            pids += [re.search(r'job_controller +ready +pid (\d+)', out.stdout).group(1)]
            self.assertIn(f'job_controller[{pids[-1]}] was told of it', out.stdout)
            out = self.stop()
            self.assertEqual((out.returncode, out.stderr), (0, ''))
            self.assertRegex(out.stdout, '(?m)^stopped; ')
        out = self.stop()
        self.assertEqual(out.returncode, 0)
        self.assertIn('there was nothing to stop; make demo starts it', out.stdout)

    def test_a_moved_folder_is_told_of_and_can_be_stopped(self):
        self.assertEqual(self.start().returncode, 0)
        old, self.folder = self.folder, os.path.join(self.top, 'moved')
        os.rename(old, self.folder)
        out = self.start()
        self.assertEqual(out.returncode, 1)
        self.assertIn(f'it was made as {old} and works only there', out.stderr)
        out = self.stop()
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertRegex(out.stdout, r'imapd +stopped')

    def test_nothing_to_stop(self):
        out = self.stop()
        self.assertEqual((out.returncode, out.stderr), (0, ''))
        self.assertIn('there is no demo in', out.stdout)

    def test_the_beginning_of_an_instance(self):
        os.makedirs(os.path.join(self.folder, 'config'))
        with open(os.path.join(self.folder, 'config/msg.conf'), 'w'):
            pass
        out = self.stop()
        self.assertEqual((out.returncode, out.stderr), (0, ''))
        self.assertIn('the beginning of one: make demo makes it anew', out.stdout)

    def test_a_port_that_somebody_took_since(self):
        self.assertEqual(self.start().returncode, 0)
        with open(os.path.join(self.folder, 'env')) as file:
            port = int(re.search(r'IMAP_PORT=.?(\d+)', file.read())[1])
        self.stop()
        with socket.create_server(('127.0.0.1', port)):
            out = self.start()
        self.assertEqual(out.returncode, 1)
        self.assertIn(f'port {port}', out.stdout)
        self.assertIn(shlex.quote(self.folder), out.stderr)
        self.assertIn('make demo-stop; rm -r ', out.stderr)
        self.assertNotIn('stop-msg', out.stderr)

    def test_the_programs_are_gone(self):
        os.makedirs(os.path.join(self.folder, 'config'))
        for name in ('config/msg.conf', 'env'):
            with open(os.path.join(self.folder, name), 'w'):
                pass
        out = demo('--stop', self.top, self.folder)
        self.assertEqual(out.returncode, 1)
        self.assertIn('make stage', out.stderr)
        shutil.rmtree(self.folder)

    @unittest.skipUnless(os.getuid() == 0, 'only root can give a folder away')
    def test_a_folder_of_somebody_else(self):
        os.mkdir(self.folder)
        os.chown(self.folder, 65534, -1)
        for out in (self.start(), self.stop()):
            self.assertEqual(out.returncode, 1)
            self.assertRegex(out.stderr, r'belongs to (nobody|65534)')


if __name__ == '__main__':
    waxwing.main()
