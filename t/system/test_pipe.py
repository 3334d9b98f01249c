#!/usr/bin/env python3
"""Mail for programs: which are run, as whom, and what becomes of those that hang, fork or write for ever."""
import os
import pwd
import re
import signal
import unittest

import waxwing

PROGRAMS = {
    'keep': 'cat > "$OUT/$MAIL_USER.$1"; id -un > "$OUT/who"; env > "$OUT/environment"',
    'no_user': 'echo no such place here; exit 67',
    'later': 'exit 75',
    'hang': 'echo $$ > "$OUT/hang.pid"; exec sleep 1000',
    'hide': '(trap "" HUP TERM; setsid sh -c \'echo $$ > "$0/hidden.pid"; exec sleep 1000\' "$OUT") & '
            'while [ ! -s "$OUT/hidden.pid" ]; do :; done; exit 0',
    'forks': 'exec 2> /dev/null; bomb() { bomb | bomb & }; trap "" TERM; bomb; exec sleep 1000',
    'writes': 'exec yes',
    'dies': 'kill -9 $$',
    'reads_nothing': 'exit 0',
}


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')
    box.set_option('pipe.timeout', '3')
    box.set_option('pipe.maxprocesses', '30')
    config = os.path.join(box.root, 'config')
    with open(os.path.join(config, 'local.rules'), 'a') as rules:
        rules.write('pipe.test $U%$D@pipe-daemon\n')
    folder = os.path.join(box.root, 'site-programs')
    out = os.path.join(box.folder, 'out')
    os.mkdir(folder, 0o755)
    os.mkdir(out)
    os.chmod(out, 0o777)
    for path in (box.folder, box.root):
        os.chmod(path, 0o755)
    for name, text in PROGRAMS.items():
        path = os.path.join(folder, name)
        with open(path, 'w') as f:
            f.write(f'#!/bin/sh\numask 0\nOUT="{out}"\n{text}\n')
        os.chmod(path, 0o755)
        box.command('imsimta', 'program', '-a', '-m', name, '-p', name, '-g', 'one %s', '-e', account())
    box.command('imsimta', 'cnbuild')
    box.start()
    box.out = out


def account():
    """Where the tests run as root, programs get an account of their own."""
    return 'nobody' if os.geteuid() == 0 else 'postmaster'


class Pipe(waxwing.TestCase):
    def send(self, method, user='joe', text='Text\r\n.\r\nEnd', size=0):
        """The log line that tells what became of the message."""
        log = self.box.log('pipe_master')
        with self.box.smtp() as client:
            client.sendmail('alice@example.test', f'{user}%{method}@pipe.test',
                            f'Subject: x\r\n\r\n{text}\r\n' + 'x' * 70 * (size // 70))
        return log.wait(r'mta\.\w+ .*pipe\.test')

    def out(self, name):
        with open(os.path.join(self.box.out, name)) as f:
            return f.read()

    def gone(self, name):
        pid = int(self.out(name))
        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)

    def tearDown(self):
        self.box.command('imsimta', 'qm', 'directory', 'pipe', check=False)
        self.box.command('imsimta', 'qm', 'delete', '-all', '-nolog', check=False)

    def test_a_program_gets_the_message_and_little_else(self):
        self.assertRegex(self.send('keep'), r'mta\.delivered .*reply="?2\.0\.0 .*/keep took it')
        text = self.out('joe.one')
        self.assertIn('Subject: x\n\nText\n.\nEnd\n', text)
        self.assertNotIn('\r', text)
        mine = pwd.getpwuid(os.geteuid()).pw_name
        self.assertEqual(self.out('who').strip(), 'nobody' if account() == 'nobody' else mine)
        names = set(re.findall(r'^(\w+)=', self.out('environment'), re.M))
        self.assertLessEqual({'SENDER', 'RECIPIENT', 'HOME', 'PATH', 'QUEUE_ID'}, names)
        self.assertFalse({name for name in names if name.startswith('WAXWING')})
        self.assertIn('SENDER=alice@example.test\n', self.out('environment'))

    def test_what_a_program_says_by_its_end(self):
        self.assertRegex(self.send('no_user'), r'mta\.failed .*5\.1\.1 .*ended with 67: no such place here')
        self.assertRegex(self.send('later'), r'mta\.deferred .*4\.3\.0 .*ended with 75')
        self.assertRegex(self.send('dies'), r'mta\.deferred .*4\.3\.0 .*ended by signal 9')
        self.assertRegex(self.send('reads_nothing', size=1 << 20), r'mta\.delivered ')

    def test_only_what_is_listed_is_run(self):
        for method in ('sh', '/bin/sh', 'imsimta'):
            self.assertRegex(self.send(method), r'mta\.failed .*5\.3\.5 no program is listed as')
        path = os.path.join(self.box.root, 'site-programs', 'later')
        os.chmod(path, 0o777)
        self.addCleanup(os.chmod, path, 0o755)
        self.assertRegex(self.send('later'), r'mta\.failed .*may be changed by others')

    def test_a_program_that_hangs_is_ended(self):
        self.assertRegex(self.send('hang'), r'mta\.deferred .*did not end in 3 seconds')
        self.gone('hang.pid')

    def test_a_program_does_not_outlive_its_keeper(self):
        self.box.set_option('pipe.timeout', '300')
        self.addCleanup(self.box.command, 'imsimta', 'restart', 'job_controller')
        self.addCleanup(self.box.set_option, 'pipe.timeout', '3')
        self.box.command('imsimta', 'restart', 'job_controller')
        pid_file = os.path.join(self.box.out, 'hang.pid')
        if os.path.exists(pid_file):
            os.unlink(pid_file)
        log = self.box.log('pipe_master')
        with self.box.smtp() as client:
            client.sendmail('alice@example.test', 'joe%hang@pipe.test', 'Subject: x\r\n\r\nx\r\n')
        waxwing.wait_until(lambda: os.path.exists(pid_file) and self.out('hang.pid').endswith('\n'), 'the program')
        program = int(self.out('hang.pid'))
        with open(f'/proc/{program}/stat') as f:
            keeper = int(f.read().rpartition(')')[2].split()[1])
        with open(f'/proc/{keeper}/cmdline') as f:
            self.assertIn('--run', f.read())
        os.kill(keeper, signal.SIGKILL)

        def gone():
            try:
                with open(f'/proc/{program}/stat') as f:
                    return f.read().rpartition(')')[2].split()[0] == 'Z'
            except OSError:
                return True
        try:
            waxwing.wait_until(gone, 'the end of the program')
        finally:
            if not gone():
                os.kill(program, signal.SIGKILL)
        self.assertRegex(log.wait(r'mta\.\w+ .*pipe\.test'), r'mta\.deferred .*4\.3\.0 ')

    def test_what_a_program_leaves_behind_is_ended(self):
        self.assertRegex(self.send('hide'), r'mta\.delivered ')
        self.gone('hidden.pid')

    def test_a_program_that_forks_is_ended_with_all_its_kind(self):
        self.assertRegex(self.send('forks'), r'mta\.deferred .*did not end in 3 seconds')
        program = os.path.join(self.box.root, 'site-programs', 'forks')

        def left():
            found = []
            for entry in filter(str.isdigit, os.listdir('/proc')):
                try:
                    with open(f'/proc/{entry}/cmdline') as f:
                        if program in f.read():
                            found.append(entry)
                except OSError:
                    pass
            return found
        self.assertEqual([pid for pid in left() if '--run' not in open(f'/proc/{pid}/cmdline').read()], [])
        self.assertRegex(self.send('keep'), r'mta\.delivered ')

    def test_a_program_that_writes_for_ever_is_ended(self):
        self.assertRegex(self.send('writes'), r'mta\.deferred .*wrote more than 65536 bytes')

    def test_a_user_is_not_an_option_or_a_path(self):
        for user in ('-rf', '.', 'a"b'):
            with self.subTest(user):
                try:
                    self.assertRegex(self.send('keep', user=user), r'mta\.failed .*not the name of a user')
                except Exception as refused:  # the server may refuse the address itself
                    self.assertIn('SMTPRecipientsRefused', type(refused).__name__)

    def test_the_list(self):
        program = lambda *words, **more: self.box.command('imsimta', 'program', *words, **more)
        self.assertRegex(program('-l').stdout, r'keep +\w+ +keep one %s')
        program('-a', '-m', 'extra', '-p', '/bin/cat', '-e', 'postmaster')
        self.assertRegex(program('-l', '-m', 'extra').stdout, r'extra +postmaster +/bin/cat')
        program('-c', '-m', 'extra', '-g', '-n')
        self.assertRegex(program('-l', '-m', 'extra').stdout, r'/bin/cat -n')
        program('-d', '-m', 'extra')
        self.assertNotIn('extra', program('-l').stdout)
        for words in (('-d', '-m', 'extra'), ('-a', '-m', 'keep', '-p', '/bin/cat'), ('-a', '-m', 'x'), ('-a', '-p', '/bin/cat'),
                      ('-a', '-m', 'x', '-p', '/no/such'), ('-a', '-m', 'x', '-p', '/etc/passwd'), (), ('-a', '-m', 'a b', '-p', '/bin/cat')):
            with self.subTest(words):
                self.assertEqual(program(*words, check=False).returncode, 1)

    @unittest.skipUnless(os.geteuid() == 0, 'only root becomes somebody else')
    def test_nobody_is_root_by_mail(self):
        self.box.command('imsimta', 'program', '-a', '-m', 'own', '-p', 'keep', '-e', 'user')
        self.assertRegex(self.send('own', user='root'), r'mta\.failed .*programs are not run as root')
        self.assertRegex(self.send('own', user='no-such-account'), r'mta\.failed .*there is no account')
        self.assertRegex(self.send('own', user='daemon'), r'mta\.delivered ')
        self.assertEqual(self.out('who').strip(), 'daemon')


if __name__ == '__main__':
    waxwing.main()
