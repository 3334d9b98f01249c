#!/usr/bin/env python3
"""What an operator sees: versions, an upgrade, a mistake in msg.conf, what a reload did, many messages at one go."""
import os
import re
import shutil
import socket

import waxwing


def setUpModule():
    waxwing.start_shared()


class Version(waxwing.TestCase):
    def test_one_version_everywhere(self):
        with open(os.path.join(waxwing.TOP, 'etc', 'version')) as f:
            version = f.read().strip()
        shown = self.box.command('imsimta', 'version').stdout
        found = re.search(r'^Waxwing Messaging Server (\S+ \(commit \S+, built \d{4}-\d\d-\d\d\))$', shown, re.M)
        self.assertTrue(found, shown)
        self.assertTrue(found[1].startswith(version + ' '))
        self.assertIn('watcher runs ' + found[1], shown)
        for name in ('imapd', 'watcher', 'smtpd'):
            out = self.box.run([os.path.join(waxwing.STAGE, 'bin', name), '--version']).stdout
            self.assertEqual(out, f'{name}: Waxwing Messaging Server {found[1]}\n')
        with self.box.imap() as client:
            self.assertIn(f'"version" "{version}"'.encode(), client.xatom('ID', 'NIL') and client.response('ID')[1][0])

    def test_greetings_name_the_host_of_the_instance(self):
        for name in ('SMTP', 'IMAP'):
            with socket.create_connection(('127.0.0.1', self.box.port(name)), timeout=waxwing.DEADLINE) as client:
                self.assertIn(b'mail.example.test', client.recv(1000), name)

    def test_the_version_file_works_without_git_and_stays_when_nothing_changed(self):
        with waxwing.tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, 'etc', 'make'))
            for name in ('version', 'commit', 'make/version'):
                shutil.copy(os.path.join(waxwing.TOP, 'etc', name), os.path.join(folder, 'etc', name))
            out = os.path.join(folder, 'version.inc')
            make = lambda **env: self.box.run([os.path.join(folder, 'etc/make/version'), out], env={**os.environ, **env})
            text = lambda: open(out).read()
            make()
            self.assertIn('WAXWING_COMMIT "unknown"', text())
            before = os.stat(out).st_mtime_ns
            make()
            self.assertEqual(os.stat(out).st_mtime_ns, before)
            with open(os.path.join(folder, 'etc/commit'), 'w') as f:  # as git archive leaves it
                f.write('0123456789\n')
            make(SOURCE_DATE_EPOCH='86400')
            self.assertIn('WAXWING_COMMIT "0123456789"', text())
            self.assertIn('WAXWING_BUILT "1970-01-02"', text())


def write(path, text):
    with open(path, 'w') as f:
        f.write(text)


class BrokenOptions(waxwing.TestCase):
    def setUp(self):
        self.path = os.path.join(self.box.root, 'config', 'msg.conf')
        with open(self.path) as f:
            self.good = f.read()
        self.addCleanup(self.write, self.good)
        # A worker that is still starting would read the broken file, and its service then waits a while.
        for service in ('SMTP', 'SUBMIT', 'LMTP'):
            with socket.create_connection(('127.0.0.1', self.box.port(service)), timeout=waxwing.DEADLINE) as client:
                self.assertTrue(client.recv(1000).startswith(b'220 '))

    def write(self, text):
        with open(self.path + '.new', 'w') as f:
            f.write(text)
        os.replace(self.path + '.new', self.path)  # a worker that starts meanwhile must not read half of it

    def spoil(self, *lines):
        self.write(self.good + ''.join(line + '\n' for line in lines))

    def test_tools_that_do_not_need_the_broken_lines_work_and_tell_of_each(self):
        self.box.user('broken-a', 'secret')
        first = self.good.count('\n') + 1
        self.spoil('no equals sign', 'imap.port = many', 'nosuch.option = 1')
        for words in (('mboxutil', '-l'), ('commadmin', 'user', 'search', '--uid', 'broken-a'),
                      ('imsimta', 'qm', 'summarize')):
            with self.subTest(words[0]):
                out = self.box.command(*words)
                self.assertIn(f"msg.conf line {first}: no '='", out.stderr)
                self.assertIn(f'msg.conf line {first + 1}: imap.port = many: must be a port', out.stderr)
                self.assertIn(f"msg.conf line {first + 2}: no option is called 'nosuch.option'", out.stderr)
                self.assertTrue(out.stdout)

    def test_a_tool_refuses_when_what_it_needs_is_broken(self):
        self.spoil('directory.port = many', 'store.dbcachesize = big')
        for words, mine in ((('mboxutil', '-l'), 'store.dbcachesize'),
                            (('commadmin', 'user', 'search', '--uid', 'x'), 'directory.port')):
            with self.subTest(words[0]):
                out = self.box.command(*words, check=False)
                self.assertNotEqual(out.returncode, 0)
                self.assertIn(mine, out.stderr)
                self.assertIn('mend it', out.stderr)

    def test_msconfig_tells_of_broken_lines_it_keeps(self):
        self.spoil('imap.port = many')
        out = self.box.command('msconfig', 'set', 'log.level', 'notice')
        self.assertRegex(out.stderr, r'warning: .*imap\.port = many')
        self.assertRegex(self.box.command('configutil', '-o', 'logfile.default.loglevel', '-v', 'information').stderr,
                         r'warning: .*imap\.port = many')
        self.assertRegex(self.box.command('msconfig', 'show').stderr, r'warning: .*imap\.port = many')
        check = self.box.command('msconfig', 'check', check=False)
        self.assertEqual((check.returncode, 'imap.port = many' in check.stderr), (1, True))

    def test_reload_with_a_broken_line_changes_nothing_and_says_why(self):
        self.spoil('imap.port = many', 'also wrong')
        out = self.box.command('imsimta', 'reload', check=False)
        self.assertNotEqual(out.returncode, 0)
        self.assertIn('imap.port = many', out.stderr)
        self.assertIn("no '=' in 'also wrong'", out.stderr)


class Reload(waxwing.TestCase):
    def test_reload_tells_of_each_daemon(self):
        self.box.command('msconfig', 'set', 'imap.idletimeout', '47', 'imap.writers', '9',
                         'local.postmaster', 'root@example.test', 'daemon.workers', '9')
        self.addCleanup(self.box.command, 'imsimta', 'reload')
        self.addCleanup(self.box.command, 'msconfig', 'revert')
        out = self.box.command('imsimta', 'reload').stdout
        for name in ('stored', 'job_controller', 'dispatcher', 'imapd', 'popd'):
            mine, later = ('imap.idletimeout,', 'imap.writers,') if name == 'imapd' else ('', '')
            self.assertIn(f'reloaded  {mine}local.postmaster; start-msg --restart {name} for {later}daemon.workers\n', out)

    def test_what_was_edited_and_not_published_is_told(self):
        line = 'nobody: postmaster\n'
        self.box.edit('aliases', line)
        self.assertIn('config/aliases was changed after', self.box.command('imsimta', 'reload').stderr)
        self.box.edit('aliases', lambda text: text.removesuffix(line))
        self.assertNotIn('aliases', self.box.command('imsimta', 'reload').stderr)

    def test_a_certificate_that_ends_soon_is_told(self):
        tls = os.path.join(self.box.root, 'tls')
        self.box.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                      '-subj', '/CN=localhost', '-keyout', f'{tls}/soon.key', '-out', f'{tls}/soon.pem'])
        self.box.command('msconfig', 'set', 'tls.certificate', 'tls/soon.pem', 'tls.key', 'tls/soon.key')
        log = self.box.log('imapd')
        self.assertRegex(self.box.command('imsimta', 'reload').stderr, r'tls/soon\.pem ends on \d{4}-\d\d-\d\d')
        log.wait(r'tls\.certificate\.ends .*soon\.pem')
        self.assertIn('soon.pem ends on', self.box.command('start-msg', '--status').stdout)
        self.box.command('msconfig', 'unset', 'tls.certificate', 'tls.key')
        self.assertNotIn('ends on', self.box.command('imsimta', 'reload').stderr)

    def test_what_cannot_be_taken_is_told_with_the_reason(self):
        path = os.path.join(self.box.root, 'tls', 'server.pem')
        with open(path) as f:
            good = f.read()
        try:
            with open(path, 'w') as f:
                f.write('no certificate\n')
            out = self.box.command('imsimta', 'reload', check=False)
            self.assertEqual(out.returncode, 75)
            self.assertRegex(out.stdout, r'(?m)^  imapd +REFUSED +the old certificate stays in use: .*server\.pem')
            self.assertRegex(out.stdout, r'(?m)^  stored +reloaded')
        finally:
            with open(path, 'w') as f:
                f.write(good)
        self.assertEqual(self.box.command('imsimta', 'reload').returncode, 0)


class Services(waxwing.TestCase):
    def pids(self):
        return {name: self.box.pid(name) for name in ('dispatcher', 'job_controller', 'imapd')}

    def test_restart_stop_and_start_of_the_mta(self):
        before = self.pids()
        self.box.command('imsimta', 'restart')
        after = self.pids()
        self.assertEqual([name for name in after if after[name] != before[name]], ['dispatcher', 'job_controller'])
        self.box.command('imsimta', 'stop', 'job_controller')
        self.assertEqual(self.box.status()['job_controller'][0], 'stopped')
        self.assertEqual(self.box.status()['dispatcher'][0], 'running')
        self.box.command('imsimta', 'start', 'job_controller')
        self.assertEqual(self.box.status()['job_controller'][0], 'running')

    def test_refresh_publishes_and_restarts(self):
        self.addCleanup(self.box.command, 'imsimta', 'refresh', 'dispatcher')
        self.box.edit('local.rules', 'refreshed.test $?Nobody$ lives$ here\n', until=self)
        before = self.pids()
        self.box.command('imsimta', 'refresh', 'dispatcher')
        self.assertEqual([name for name, pid in self.pids().items() if pid != before[name]], ['dispatcher'])
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@remote.test')
            code, text = client.rcpt('x@refreshed.test')
        self.assertEqual((code, text[-17:]), (550, b'Nobody lives here'))


class Programs(waxwing.TestCase):
    def test_a_program_that_is_not_there_is_not_published(self):
        for name, what in (('job_controller.cnf', 'IMTA_EXE:ims_master'), ('dispatcher.cnf', 'IMAGE=lmtpd')):
            self.box.edit(name, lambda text: text.replace(what, what + 'x'), until=self)
            out = self.box.command('imsimta', 'cnbuild', check=False)
            self.assertEqual(out.returncode, 1)
            self.assertRegex(out.stderr, rf'{name}: \[.*no program .*x')
            self.doCleanups()

    def test_mail_that_waits_for_a_program_that_does_not_start_says_so(self):
        program = os.path.join(self.box.root, 'bin', 'bitbucket')
        os.rename(program, program + '.away')
        write(program, '#!/bin/sh\nexit 3\n')
        os.chmod(program, 0o755)
        try:
            with self.box.smtp() as client:
                client.sendmail('a@remote.test', ['x@discard.test'], 'Subject: x\r\n\r\nx\r\n')
            why = 'channel bitbucket: its program does not start'
            waxwing.wait_until(lambda: why in self.box.command('imsimta', 'cache', '-view').stdout, why)
            self.assertIn(why, self.box.command('imsimta', 'qm', 'summarize', '-database').stdout)
        finally:
            os.replace(program + '.away', program)
        self.box.command('imsimta', 'queue', '-retry_delivery', 'bitbucket')
        self.box.wait_queue_empty('bitbucket')


class Options(waxwing.TestCase):
    def test_a_value_that_cannot_work_is_refused_and_minus_one_is_taken(self):
        for name, value in (('daemon.workers', '0'), ('log.level', 'verbose'), ('watcher.stop_timeout', '-5')):
            out = self.box.command('msconfig', 'set', name, value, check=False)
            self.assertEqual(out.returncode, 1)
            self.assertIn(f'{name} must be', out.stderr)
        self.box.command('msconfig', 'set', 'store.defaultmailboxquota', '-1')
        self.box.command('msconfig', 'revert')


class Users(waxwing.TestCase):
    def test_a_delivery_option_that_the_mta_does_not_have_is_refused(self):
        self.box.user('pat', 'secret')
        out = self.box.command('commadmin', 'user', 'modify', 'pat', '--delivery', 'pigeon', check=False)
        self.assertEqual(out.returncode, 1)
        self.assertRegex(out.stderr, r'--delivery pigeon: .*there are .*mailbox')
        self.box.command('commadmin', 'user', 'modify', 'pat', '--delivery', 'mailbox')


class Help(waxwing.TestCase):
    def test_help_of_a_group(self):
        out = self.box.command('msconfig', 'help', 'pop').stdout
        self.assertIn('pop.port\n', out)
        self.assertIn('pop.lockmailbox\n', out)
        self.assertNotIn('imap.port', out)
        self.assertIn('imap.banner\n', self.box.command('msconfig', 'help', 'service.imap').stdout)
        self.assertRegex(self.box.command('msconfig', 'help').stdout, r'groups of options:.* imap .*store')
        self.assertIn('no option', self.box.command('msconfig', 'help', 'nosuch', check=False).stderr)


class Queue(waxwing.TestCase):
    def send(self, count):
        self.box.command('imsimta', 'queue', 'stop', 'ims-ms')
        self.addCleanup(self.box.command, 'imsimta', 'queue', 'start', 'ims-ms')
        user = self.box.user(f'many{count}', 'secret')
        with self.box.smtp() as client:
            for n in range(count):
                client.sendmail('a@remote.test', [user], f'Subject: {n}\r\n\r\ntext\r\n')

    def test_the_size_in_the_log_is_that_of_the_whole_message(self):
        log = self.box.log('smtpd')
        self.send(1)
        line = log.wait(r'mta\.enqueue')
        file = re.search(r'file=(\S+)', line)[1]
        content = self.box.command('imsimta', 'qm', 'directory', '-file_info', 'ims-ms').stdout
        whole = re.search(r'(\d+) bytes of message.*' + re.escape(file), content)
        self.assertEqual(re.search(r' size=(\d+)', line)[1], whole[1])
        self.assertGreater(int(whole[1]), len('Subject: 0\r\n\r\ntext\r\n') + 100)  # Received: and the like
        self.box.command('imsimta', 'qm', 'delete', '-all')

    def test_many_messages_at_one_go(self):
        self.send(1203)
        self.box.command('imsimta', 'qm', 'directory', 'ims-ms')
        gone = self.box.queue_files('ims-ms')[7]
        os.unlink(os.path.join(self.box.root, 'queue', gone))
        out = self.box.command('imsimta', 'qm', 'hold', '-all', check=False)
        self.assertEqual(out.stdout.count('%QM-I-HELD'), 1202)
        self.assertRegex(out.stderr, r'%QM-E-FAILED, ' + re.escape(gone))
        self.assertEqual(out.returncode, 1)
        out = self.box.command('imsimta', 'qm', 'delete', '-all', check=False)
        self.assertEqual(out.stdout.count('%QM-I-DELETED'), 1202)
        self.assertEqual(self.box.queue_files('ims-ms'), [])


if __name__ == '__main__':
    waxwing.main()
