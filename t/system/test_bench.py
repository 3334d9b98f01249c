#!/usr/bin/env python3
"""The load generator of the benchmarks: every workload runs, counts what it does, and says what went wrong."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import waxwing

BENCH = os.path.join(waxwing.TOP, 't/bench/bench.py')
LOAD = os.path.join(waxwing.BUILD, 'bench', 'load')
USERS = 4


def setUpModule():
    box = waxwing.start_shared()
    box.command('commadmin', 'user', 'create', '--count', USERS, '--pattern', 'user%04d', '--password-pattern', 'pass%04d')


class Load(waxwing.TestCase):
    def load(self, workload, **options):
        given = {'users': USERS, 'conns': 2, 'root': self.box.root, **options}
        return subprocess.run([LOAD, workload] + [f'{k}={v}' for k, v in given.items()], capture_output=True,
                              text=True, timeout=waxwing.DEADLINE)

    def figures(self, workload, operations, **options):
        done = self.load(workload, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        row = json.loads(done.stdout)
        self.assertEqual((row['errors'], row['n']), (0, operations), row)
        self.assertGreater(row['value'], 0)
        self.assertGreaterEqual(row['p99_ms'], row['p50_ms'])
        return row

    def test_smtp_holds_what_it_counts(self):
        self.figures('smtp', 7, port=self.box.port('SMTP'), rcpt='u%d@hold.test', count=7)
        self.assertEqual(len(self.box.queue_files('hold')), 7)
        self.figures('smtp', 5, port=self.box.port('SMTP'), rcpt='u%d@hold.test', count=5, rcpts=3, perconn=2, conns=1)
        self.assertEqual(len(self.box.queue_files('hold')), 12)

    def test_lmtp_and_end_to_end_and_imap(self):
        self.figures('lmtp', 6, port=self.box.port('LMTP'), count=6, rcpts=2)
        ports = {'port': self.box.port('SMTP'), 'imap': self.box.port('IMAP')}
        row = self.figures('e2e', 6, count=6, rcpts=2, **ports)
        self.assertGreater(row['copies_per_s'], row['value'])
        self.figures('visible-noop', 2, count=2, conns=1, **ports)
        self.figures('visible-idle', 2, count=2, conns=1, **ports)
        self.figures('fill', 12 * USERS, port=self.box.port('IMAP'), box='Mix', perconn=12)
        row = self.figures('mix', 204, port=self.box.port('IMAP'), box='Mix', perconn=100, count=200, conns=1)
        self.assertEqual(row['operations']['noop'][0], 40)
        self.assertEqual(row['operations']['login'][0], 2)

    def test_what_goes_wrong_is_said(self):
        row = json.loads(self.load('smtp', port=self.box.port('SMTP'), rcpt='nobody%d@example.test', count=3, conns=1).stdout)
        self.assertEqual(row['n'], 0)
        self.assertEqual(row['errors'], 3)
        self.assertIn('RCPT TO', row['first_error'])
        self.assertIn('no option colour', self.load('smtp', colour='red').stderr)
        self.assertIn('e2e', self.load('unknown').stderr)

    def test_a_start_that_fails_leaves_nothing_behind(self):
        folder = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, folder, True)
        with socket.create_server(('127.0.0.1', 0)) as taken:  # imapd listens on the fifth of the ports
            port = taken.getsockname()[1]
            done = subprocess.run([sys.executable, BENCH, '--build', waxwing.BUILD, '--port-base', str(port - 4), '--output', folder + '/out', 'W8'],
                                  capture_output=True, text=True, timeout=8 * waxwing.DEADLINE, env=dict(os.environ, TMPDIR=folder))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f'port {port}', done.stderr)
        self.assertEqual([name for name in os.listdir(folder) if name.startswith('waxwing-bench')], [])
        for entry in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{entry}/cmdline') as file:
                    self.assertNotIn(folder, file.read())
            except OSError:
                pass


if __name__ == '__main__':
    waxwing.main()
