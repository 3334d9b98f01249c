#!/usr/bin/env python3
"""imsimta qm for programs and for the eye: JSON, counting, finding."""
import json
import os
import pty
import re
import select
import subprocess

import waxwing


def setUpModule():
    box = waxwing.start_shared('dispatcher', 'job_controller', 'slapd')
    box.edit('local.rules', '.here.test $U%$H.here.test@native-daemon\n')
    box.command('imsimta', 'cnbuild')
    box.command('imsimta', 'restart')
    box.command('imsimta', 'queue', 'stop', 'native')
    for n, (sender, to, subject) in enumerate((('alice@one.test', 'joe@a.here.test', 'lottery'), ('alice@one.test', 'ann@b.here.test', 'hello'),
                                               ('bob@two.test', 'joe@a.here.test', 'folded\r\n lottery'), ('', 'joe@a.here.test', 'n"ul\\'))):
        with box.smtp() as client:
            client.sendmail(sender, to, f'X-N: {n}\r\nSubject: {subject}\r\n\r\nneedle{n} lottery-\r\n'
                            + 'The cheapest watches of the whole world\r\n' * (3 if n else 0))
    waxwing.wait_until(lambda: 'native' in box.command('imsimta', 'qm', 'summarize', '-database').stdout, 'the messages in memory')


class Qm(waxwing.TestCase):
    def qm(self, *words, **more):
        return self.box.command('imsimta', 'qm', *words, **more).stdout

    def rows(self, *words):
        return [json.loads(line) for line in self.box.command('imsimta', *words, '-json').stdout.splitlines()]

    def test_every_listing_is_there_for_programs(self):
        rows = self.rows('qm', 'directory', '-envelope', 'native')
        self.assertEqual([row['number'] for row in rows], [1, 2, 3, 4])
        self.assertEqual([row['sender'] for row in rows], ['alice@one.test', 'alice@one.test', 'bob@two.test', ''])
        self.assertEqual(rows[0]['recipients'][0]['address'], 'joe@a.here.test')
        self.assertEqual((rows[0]['recipients'][0]['status'], rows[0]['recipients'][0]['last_attempt'], rows[0]['held']),
                         ('waiting', None, False))
        self.assertRegex(rows[0]['since'], r'^20\d\d-\d\d-\d\dT')
        native = [row for row in self.rows('qm', 'summarize') if row['channel'] == 'native'][0]
        self.assertEqual((native['messages'], native['held'], native['stopped']), (4, 0, True))
        native = [row for row in self.rows('qm', 'summarize', '-database') if row['channel'] == 'native'][0]
        self.assertEqual((native['files'], native['stopped'], native['trouble']), (4, True, ''))
        units = self.rows('cache', '-view', 'native')
        self.assertEqual(sorted(unit['host'] for unit in units), ['a.here.test'] * 3 + ['b.here.test'])
        self.assertEqual(self.rows('qm', 'directory', '-total', 'native')[0]['messages'], 4)

    def test_a_summary_of_what_is_held_and_without_totals(self):
        for where in ('-directory_tree', '-database'):
            self.assertRegex(self.qm('summarize', where), r'(?m)^Totals ')
            self.assertNotIn('Totals', self.qm('summarize', where, '-notrailing'))
        file = self.rows('qm', 'directory', '-from=bob', 'native')[0]['file']
        self.qm('hold', file)
        try:
            held = {row['channel']: row['messages'] for row in self.rows('qm', 'summarize', '-held')}
            self.assertEqual(held['native'], 1)
            both = self.qm(input='view -database\nsummarize -held -noheading\n')
            self.assertRegex(both, r'(?m)^native +1 +1 ')
            self.assertIn('Data gathered from the queue directory tree', self.qm('summarize', '-held', '-database'))
        finally:
            self.qm('release', next(row['file'] for row in self.rows('qm', 'directory', '-held', 'native')))
        waxwing.wait_until(lambda: len(self.rows('cache', '-view', 'native')) == 4, 'it to be known again')

    def test_counting(self):
        for by, first, count, rows in (('host', 'a.here.test', 3, 2), ('sender', 'alice@one.test', 2, 3), ('sender_domain', 'one.test', 2, 3),
                                       ('domain', 'a.here.test', 3, 2), ('recipient', 'joe@a.here.test', 3, 2), ('status', 'ready', 4, 1),
                                       ('priority', 'normal', 4, 1), ('channel', 'native', 4, 1), ('attempts', '0', 4, 1)):
            with self.subTest(by):
                found = self.rows('qm', 'top', f'-by={by}', 'native')
                self.assertEqual((found[0][by], found[0]['count'], len(found)), (first, count, rows))
        self.assertEqual(len(self.rows('qtop', '-by=sender', '-top=1', 'native')), 1)
        watches = ('The cheapest watches of the whole world', 3)
        self.assertEqual([(row['content'], row['count']) for row in self.rows('qtop', '-content', 'native')], [watches])
        lines = [(row['content'], row['count']) for row in self.rows('qtop', '-content', '-min_length=16', 'native')]
        self.assertEqual((lines[0], sorted(lines[1:])), (watches, [(f'needle{n} lottery-', 1) for n in range(4)]))
        self.assertEqual([row['sender'] for row in self.rows('qtop', '-from', '-min_length=13', 'native')], ['alice@one.test'])
        shown = self.qm('top', 'native')
        self.assertRegex(shown, r'a\.here\.test +3 .*█{5}')
        for bad in ('-by=weight', '-top=0', '-interval=x'):
            self.assertEqual(self.box.command('imsimta', 'qm', 'top', bad, check=False).returncode, 1)

    def test_counting_live_until_a_key(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        child = subprocess.Popen([os.path.join(self.box.root, 'bin', 'imsimta'), 'qm', 'top', '-interval=1', 'native'],
                                 stdin=theirs, stdout=theirs, stderr=theirs, env=self.box.env)
        self.addCleanup(child.kill)
        os.close(theirs)
        text = b''
        while text.count(b'\x1b[2J') < 2:
            self.assertTrue(select.select([ours], [], [], waxwing.DEADLINE)[0], text)
            text += os.read(ours, 4096)
        os.write(ours, b'\n')
        self.assertEqual(child.wait(waxwing.DEADLINE), 0)

    def test_processes(self):
        # Somebody who looks at a log is no process of the instance.
        reader = subprocess.Popen(['tail', '-f', os.path.join(self.box.root, 'log', 'job_controller.log')], stdout=subprocess.DEVNULL)
        self.addCleanup(reader.wait)
        self.addCleanup(reader.kill)
        rows = self.rows('process')
        processes = {row['program']: row for row in rows}
        self.assertLessEqual({'watcher', 'dispatcher', 'job_controller', 'smtpd', 'slapd'}, set(processes))
        self.assertEqual(processes['job_controller']['pid'], self.box.pid('job_controller'))
        self.assertEqual(processes['job_controller']['parent'], processes['watcher']['pid'])
        self.assertGreater(processes['job_controller']['memory_kib'], 100)
        self.assertFalse({reader.pid, os.getpid()} & {row['pid'] for row in rows})
        self.assertRegex(self.box.command('imsimta', 'process').stdout, r'(?m)^ *\d+  job_controller +\d+ ')
        for pid in (str(reader.pid), str(os.getpid()), '1', '0', '-1', 'x', ''):
            with self.subTest(pid):
                self.assertEqual(self.box.command('imsimta', 'kill', pid, check=False).returncode, 1)
        self.assertIsNone(reader.poll())
        old = self.box.pid('job_controller')
        self.box.command('imsimta', 'kill', old)
        self.box.wait_running('job_controller', other_than=old)
        waxwing.wait_until(lambda: len(self.rows('cache', '-view', 'native')) == 4, 'the queue to be read')

    def test_finding(self):
        def numbers(*words):
            """X-N of those found."""
            found = int(re.search(r'^(\d+) messages found', self.qm('clean', *words, 'native'), re.M)[1])
            return [int(re.search(r'^X-N: (\d)', self.qm('read', str(n + 1)), re.M)[1]) for n in range(found)]
        self.assertEqual(numbers('-from=alice'), [0, 1])
        self.assertEqual(numbers('-subject=LOTTERY'), [0, 2])
        self.assertEqual(numbers('-subject=subject'), [])
        self.assertEqual(numbers('-subject=LOTTERY', '-from=bob'), [2])
        self.assertEqual(numbers('-subject=hello', '-from=bob', '-match=or'), [1, 2])
        self.assertEqual(numbers('-domain_to=b.here.test'), [1])
        self.assertEqual(numbers('-domain_to=here.test'), [])
        self.assertEqual(numbers('-content=needle3'), [3])
        for words in (('-threads=3',), ('-nothreads',), ('-database',), ('-directory_tree', '-threads=64')):
            with self.subTest(words):
                self.assertEqual(numbers('-subject=LOTTERY', *words), [0, 2])
        for bad in ((), ('-match=x', '-from=a'), ('-delete', '-hold', '-from=a'), ('-threads=0', '-from=a'), ('-threads', '-from=a'),
                    ('-threads=2', '-nothreads', '-from=a'), ('-database', '-directory_tree', '-from=a')):
            self.assertEqual(self.box.command('imsimta', 'qclean', *bad, check=False).returncode, 1)
        self.assertIn('%QM-I-HELD', self.box.command('imsimta', 'qclean', '-content=needle3', '-hold').stdout)
        self.assertIn('%QM-I-RELEASED', self.qm('release', '1'))
        waxwing.wait_until(lambda: len(self.rows('cache', '-view', 'native')) == 4, 'it to be known again')


if __name__ == '__main__':
    waxwing.main()
