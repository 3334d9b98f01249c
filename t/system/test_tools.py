#!/usr/bin/env python3
"""imsimta: the interactive qm on a terminal, counters, log files, returning a message."""
import json
import os
import pty
import re
import select
import subprocess

import waxwing


def setUpModule():
    box = waxwing.start_shared('dispatcher', 'job_controller', 'slapd')
    box.edit('local.rules', '.here.test $U%$H.here.test@native-daemon\nnowhere.test $U%nowhere.test@bitbucket-daemon\n')
    box.command('imsimta', 'cnbuild')
    box.command('imsimta', 'restart')
    box.command('imsimta', 'queue', 'stop', 'native')


class Terminal:
    """A program on a terminal of its own: what it shows, and keys for it."""

    def __init__(self, test, *command):
        self.ours, theirs = pty.openpty()
        test.addCleanup(os.close, self.ours)
        env = dict(test.box.env, TERM='vt100', LC_ALL='C.UTF-8')
        self.child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True)
        test.addCleanup(self.child.wait)
        test.addCleanup(self.child.kill)
        os.close(theirs)
        self.seen = ''

    def wait(self, pattern):
        """Until the pattern stands in what came since the last wait; answers what came."""
        expression = re.compile(pattern, re.S)
        while not (found := expression.search(self.seen)):
            if not select.select([self.ours], [], [], waxwing.DEADLINE)[0]:
                raise waxwing.Late(f'waited in vain for {pattern!r} in {self.seen!r}')
            try:
                self.seen += os.read(self.ours, 4096).decode('utf-8', 'replace')
            except OSError:
                raise waxwing.Late(f'it ended before {pattern!r} came: {self.seen!r}') from None
        before, self.seen = self.seen[:found.end()], self.seen[found.end():]
        return before

    def press(self, keys):
        os.write(self.ours, keys.encode())


class Interactive(waxwing.TestCase):
    def qm(self):
        terminal = Terminal(self, os.path.join(self.box.root, 'bin', 'imsimta'), 'qm')
        terminal.wait('qm> ')
        return terminal

    def test_words_are_completed(self):
        qm = self.qm()
        qm.press('sto\tnat\t\r')
        qm.wait('channel native is stopped')
        qm.wait('qm> ')
        qm.press('directory -fr\tnobody -tot\tnati\t\r')
        qm.wait('Grand total: 0 messages')
        qm.wait('qm> ')
        qm.press('re\t\t')
        qm.wait(r'read +release +reroute +return')
        qm.press('\x03')                 # Ctrl-C: the line is given up, qm goes on
        qm.wait('qm> ')
        qm.press('dat\t\r')
        qm.wait(r'\d\d:\d\d:\d\d')
        qm.wait('qm> ')
        qm.press('quit\r')
        self.assertEqual(qm.child.wait(waxwing.DEADLINE), 0)

    def test_lines_are_edited_and_come_back_from_the_history(self):
        qm = self.qm()
        qm.press('heXlp date\x01\x06\x06\x04\r')   # to the beginning, two to the right, delete one
        qm.wait('tells date and time')
        qm.wait('qm> ')
        qm.press('exit\r')
        self.assertEqual(qm.child.wait(waxwing.DEADLINE), 0)
        again = self.qm()
        again.press('\x1b[A')
        again.wait('exit')
        again.press('\x1b[A')
        again.wait('help date')
        again.press('\r')
        again.wait('tells date and time')
        again.wait('qm> ')
        again.press('\x04')              # Ctrl-D: the end
        self.assertEqual(again.child.wait(waxwing.DEADLINE), 0)

    def test_commands_from_a_file_and_through_a_pipe(self):
        script = os.path.join(self.box.folder, 'commands')
        with open(script, 'w') as f:
            f.write('date\nnonsense\nmessages native\n')
        out = self.box.command('imsimta', 'qm', 'run', script, check=False)
        self.assertEqual(out.returncode, 1)
        self.assertIn('no command nonsense', out.stderr)
        self.assertIn('Grand total', out.stdout)
        with open(script, 'w') as f:
            f.write(f'run {script}\n')
        out = self.box.command('imsimta', 'qm', 'run', script, check=False)
        self.assertIn('too deep', out.stderr)
        out = self.box.command('imsimta', 'qm', input='clean -subject="two words" native\nclean "open\n', check=False)
        self.assertIn('0 messages found', out.stdout)
        self.assertIn('a quote is not closed', out.stderr)
        self.assertEqual(self.box.command('imsimta', 'qm', 'run', '/nowhere', check=False).returncode, 1)


class Queued(waxwing.TestCase):
    def rows(self, *words):
        return [json.loads(line) for line in self.box.command('imsimta', *words, '-json').stdout.splitlines()]

    def send(self, to, subject='x', sender='alice@one.test'):
        with self.box.smtp() as client:
            client.sendmail(sender, to, f'Subject: {subject}\r\n\r\nx\r\n')

    def counts(self, channel):
        found = [row for row in self.rows('counters', '-show') if row['channel'] == channel]
        return found[0] if found else {}

    def test_what_is_queued_from_tree_and_memory(self):
        known = lambda: [row['file'] for row in self.rows('cache', '-view', 'native')]
        before = len(known())
        for n in range(3):
            self.send('joe@a.here.test', f'same {n % 2}')
        waxwing.wait_until(lambda: len(known()) == before + 3, 'the messages in memory')
        tree = [row['file'] for row in self.rows('qm', 'directory', 'native')]
        self.assertEqual([row['file'] for row in self.rows('qm', 'directory', '-database', 'native')], tree)
        self.assertEqual(self.rows('qm', 'messages', '-database', 'native')[0]['messages'], len(tree))
        found = {row['subject']: row['count'] for row in self.rows('qm', 'top', '-subject', 'native')}
        self.assertEqual((found['same 0'], found['same 1']), (2, 1))
        out = self.box.command('imsimta', 'qm', input='view -database\nmessages native\nview\nheld\n').stdout
        self.assertIn("Data gathered from the job controller's memory", out)
        self.assertIn('read the job controller', out)
        self.assertIn('Data gathered from the queue directory tree', out)
        history = self.rows('qm', 'history', self.rows('qm', 'directory', '-to=joe@a.here.test', 'native')[0]['file'])
        self.assertEqual((history[0]['recipient'], history[0]['attempts'], history[0]['last_attempt']), ('joe@a.here.test', 0, None))
        self.assertIn('0 attempts', self.box.command('imsimta', 'qm', 'history', '-all').stdout)
        self.assertIn('0 messages found', self.box.command('imsimta', 'qclean', '-ignore_zz', '-from=alice', 'native').stdout)
        self.assertIn('native: 3 of', self.box.command('imsimta', 'qclean', '-verbose', '-subject=same', 'native').stdout)
        short = self.box.command('imsimta', 'qclean', '-min_length=9', '-subject=same', check=False)
        self.assertIn('shorter than -min_length', short.stderr)

    def test_a_message_is_returned_by_its_file(self):
        self.send('ann@b.here.test', 'to be returned', 'sender@a.here.test')
        file = next(row['file'] for row in self.rows('qm', 'directory', '-to=ann@b.here.test', 'native'))
        self.assertIn('%QM-I-RETURNED', self.box.command('imsimta', 'return', file).stdout)
        self.assertEqual(self.box.command('imsimta', 'return', check=False).returncode, 1)
        self.assertEqual(self.box.command('imsimta', 'return', 'ZZnothing.00', check=False).returncode, 1)

    def test_what_channels_do_is_counted(self):
        before = self.counts('bitbucket')
        self.send(['a@nowhere.test', 'b@nowhere.test'])
        self.box.wait_queue_empty('bitbucket')
        waxwing.wait_until(lambda: self.counts('bitbucket').get('delivered_messages', 0) > before.get('delivered_messages', 0),
                           'a delivery to be counted')
        after = self.counts('bitbucket')
        more = {name: after[name] - before.get(name, 0) for name in after if name != 'channel'}
        for name, value in (('received_messages', 1), ('received_recipients', 2), ('received_blocks', 1), ('delivered_messages', 1),
                            ('delivered_recipients', 2), ('delivered_first_time', 1), ('failed_messages', 0), ('attempted_messages', 0)):
            self.assertEqual(more[name], value, name)
        local = self.counts('tcp_intranet')
        with self.box.smtp() as client:
            client.ehlo()
            self.assertEqual(client.docmd('MAIL', 'FROM:<alice@one.test>')[0], 250)
            self.assertEqual(client.docmd('RCPT', 'TO:<nobody@example.test>')[0], 550)
        again = self.counts('tcp_intranet')
        self.assertEqual(again['rejected_recipients'] - local['rejected_recipients'], 1)
        self.assertEqual(again['in_associations'] - local['in_associations'], 1)
        self.assertGreaterEqual(again['submitted_messages'], 1)
        text = self.box.command('imsimta', 'counters', 'bitbucket').stdout
        self.assertRegex(text, r'(?m)^bitbucket\n  Received +\d+ +\d+ +\d+\n  Delivered +\d+ +\d+ +\d+ \(\d+ first time\)')
        self.assertNotIn('tcp_intranet', text)
        self.assertIn('bitbucket\n  Received', self.box.command('imsimta', 'qm', 'counters', 'bitbucket').stdout)
        self.assertRegex(self.box.command('imsimta', 'counters', '-today').stdout, r'^[1-9]\d* messages')
        self.assertRegex(self.box.command('imsimta', 'qm', 'counters', 'today').stdout, r'^[1-9]\d* messages')
        file = os.path.join(self.box.folder, 'counters.out')
        self.box.command('imsimta', 'counters', '-noheaders', '-noassociations', f'-output={file}', 'tcp_intranet')
        with open(file) as f:
            self.assertNotRegex(f.read(), 'Counted since|Assocs')
        self.box.command('imsimta', 'counters', '-clear')
        self.assertEqual(self.counts('bitbucket')['received_messages'], 0)
        self.box.command('imsimta', 'counters', '-delete')
        self.assertEqual(self.box.command('imsimta', 'counters', check=False).returncode, 75)
        self.box.command('imsimta', 'counters', '-create')
        self.assertEqual(self.rows('counters'), [])
        self.assertEqual(self.box.command('imsimta', 'counters', '-nonsense', check=False).returncode, 1)

    def test_channel_programs_that_run(self):
        self.send('c@nowhere.test')
        self.box.wait_queue_empty('bitbucket')
        jobs = self.rows('qm', 'jobs', 'bitbucket')
        self.assertEqual((jobs[0]['channel'], jobs[0]['program']), ('bitbucket', 'bitbucket'))
        self.assertGreaterEqual(jobs[0]['served'], 1)
        self.assertIn(jobs[0]['pid'], [row['pid'] for row in self.rows('process')])


class Logs(waxwing.TestCase):
    def setUp(self):
        self.logs = os.path.join(self.box.root, 'log')
        for n in range(1, 8):
            path = os.path.join(self.logs, f'old_{n % 2}.log.{n}')
            with open(path, 'w') as f:
                f.write(f'version {n}\n')
            os.utime(path, (0, 0))
        for n in (0, 1):
            with open(os.path.join(self.logs, f'old_{n}.log'), 'w') as f:
                f.write('now\n')

    def tearDown(self):
        for name in os.listdir(self.logs):
            if name.startswith('old_'):
                os.unlink(os.path.join(self.logs, name))

    def say(self, *words, **more):
        return self.box.command('imsimta', *words, **more).stdout

    def test_versions_are_found_and_shown(self):
        self.assertEqual(self.say('find', 'old_1.log').strip(), os.path.join(self.logs, 'old_1.log'))
        self.assertEqual(self.say('find', '-f=0', 'old_1').strip(), os.path.join(self.logs, 'old_1.log.7'))
        self.assertEqual(self.say('find', '-l=1', 'old_1').strip(), os.path.join(self.logs, 'old_1.log.1'))
        self.assertEqual(len(self.say('find', '-all', 'old_*').splitlines()), 9)
        self.assertEqual(json.loads(self.say('find', '-l=2', '-json', 'old_0'))['version'], 4)
        self.assertEqual(self.say('view', '-f=1', 'old_1'), 'version 5\n')
        self.assertEqual(self.say('view', 'log/old_0.log'), 'now\n')
        for bad in (('find',), ('find', 'nothing'), ('find', '-f=99', 'old_1'), ('find', '-f=x', 'old_1'), ('view', '-f=1', '-l=1', 'old_1'),
                    ('view', '../config/msg.conf'), ('purge', '-num=x')):
            with self.subTest(bad):
                self.assertEqual(self.box.command('imsimta', *bad, check=False).returncode, 1)

    def test_old_versions_are_purged(self):
        have = lambda: sorted(name for name in os.listdir(self.logs) if name.startswith('old_'))
        everything = have()
        self.assertIn('5 of 9 versions would be removed', self.say('purge', '-num=2', '-trial', 'old_*'))
        self.assertEqual(have(), everything)
        self.say('purge', '-num=2', 'old_1')
        self.assertEqual([name for name in have() if 'old_1' in name], ['old_1.log', 'old_1.log.1'])
        self.say('purge', '-day=1', 'old_0*')
        self.assertEqual([name for name in have() if 'old_0' in name], ['old_0.log'])


if __name__ == '__main__':
    waxwing.main()
