#!/usr/bin/env python3
"""Bad days with the real daemons: each one killed, a disk that is full, a directory that is away."""
import imaplib
import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import unittest

import fake_dns
import fake_smtp
import waxwing
from lmtp_client import Lmtp

PASSWORD = 'correct horse'
DAEMONS = ('slapd', 'stored', 'job_controller', 'dispatcher', 'imapd', 'popd')


def children(pid):
    """{pid: program} of a process."""
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        pids = [int(p) for p in f.read().split()]
    found = {}
    for child in pids:
        with open(f'/proc/{child}/comm') as f:
            found[child] = f.read().strip()
    return found


class BadDay(waxwing.TestCase):
    def setUp(self):
        waxwing._shared = waxwing.Sandbox()
        self.addCleanup(waxwing.stop_shared)

    def begin(self, **environment):
        self.box.run([os.path.join(self.box.root, 'bin', 'start-msg')], env=dict(self.box.env, **environment))
        self.box.started = True
        for name in ('joe', 'ann'):
            self.box.user(name, PASSWORD)

    def send(self, subject, to='ann@example.test'):
        """By submission, again and again until it is answered 250."""
        def sent():
            try:
                with self.box.submit('joe@example.test', PASSWORD) as client:
                    client.sendmail('joe@example.test', [to], f'Subject: {subject}\r\n\r\nx\r\n')
                return True
            except (OSError, smtplib.SMTPException):
                return False
        waxwing.wait_until(sent, f'{subject} to be taken')

    def subjects(self, user='ann'):
        """How often each subject is in the mailbox."""
        client = self.box.imap(f'{user}@example.test', PASSWORD)
        try:
            client.select('INBOX', readonly=True)
            _, parts = client.uid('FETCH', '1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
            return sorted(p[1].decode().split()[1] for p in parts if isinstance(p, tuple))
        finally:
            client.logout()

    def wait_delivered(self, subjects):
        def there():
            try:
                return self.subjects() == sorted(subjects)
            except (OSError, imaplib.IMAP4.error):
                return False
        waxwing.wait_until(there, f'{subjects} once each')


class Killed(BadDay):
    def test_each_daemon_comes_back_and_nothing_is_lost_or_there_twice(self):
        self.begin()
        sent = ['first']
        self.send('first')
        for name in DAEMONS:
            with self.subTest(name):
                self.send(f'before-{name}')
                old = self.box.kill(name)
                self.send(f'after-{name}')
                sent += [f'before-{name}', f'after-{name}']
                self.box.wait_running(name, other_than=old)
                self.wait_delivered(sent)
                with self.box.smtp() as client:
                    self.assertEqual(client.noop()[0], 250)
                waxwing.wait_until(self.pop_answers, 'POP3')

    def pop_answers(self):
        try:
            client = self.box.pop('ann@example.test', PASSWORD)
            count = client.stat()[0]
            client.quit()
            return count
        except OSError:
            return False

    def test_each_worker_and_channel_program_is_replaced(self):
        self.begin()
        sent = ['first']
        self.send('first')
        self.wait_delivered(sent)
        programs = {**children(self.box.pid('dispatcher')), **children(self.box.pid('job_controller'))}
        self.assertLessEqual({'smtpd', 'lmtpd', 'ims_master'}, set(programs.values()))
        for pid, name in programs.items():
            with self.subTest(name):
                os.kill(pid, signal.SIGKILL)
                sent.append(f'after-{name}-{pid}')
                self.send(sent[-1])
                self.wait_delivered(sent)


class Hanging(BadDay):
    def test_workers_channel_programs_and_the_directory_are_replaced_too(self):
        self.box.set_option('watcher.alive_timeout', '6')
        self.begin()
        self.send('first')
        self.wait_delivered(['first'])
        log = self.box.log('watcher')
        sent = ['first']
        services = {**children(self.box.pid('dispatcher')), **children(self.box.pid('job_controller'))}
        programs = [pid for pid, name in services.items() if name in ('smtpd', 'ims_master')] + [self.box.pid('slapd')]
        self.assertGreaterEqual(len(programs), 3)
        for pid in programs:
            os.kill(pid, signal.SIGSTOP)
            killed = log.wait(rf'watcher\.kill service=\S+ pid={pid} why="gave no sign of life"')
            name = re.search(r'service=(\S+)', killed).group(1)
            if name == 'slapd':
                self.box.wait_running('slapd', other_than=pid)
            sent.append(f'after-{name}-{pid}')
            self.send(sent[-1])
            self.wait_delivered(sent)

    def test_what_hangs_is_told_of(self):
        self.begin()
        worker = next(pid for pid, name in children(self.box.pid('dispatcher')).items() if name == 'smtpd')
        os.kill(worker, signal.SIGSTOP)
        status = lambda: self.box.command('start-msg', '--status', check=False)
        waxwing.wait_until(lambda: re.search(rf'smtpd +silent +pid {worker} +no sign of life', status().stdout), 'the worker to be named')
        self.assertEqual(status().returncode, 1)


class Stopped(BadDay):
    def test_channel_programs_at_a_silent_host_end_with_the_rest(self):
        fake = fake_smtp.FakeServer()
        self.addCleanup(fake.close)
        silent = fake.host(waits=True)
        for option, value in (('smtp.client.port', fake.port), ('watcher.stop_timeout', 2)):
            self.box.set_option(option, value)
        self.begin()
        self.send('waits', f'joe@[{silent.address}]')
        silent.wait(lambda: silent.connections == 1, 'a connection')
        program = next(pid for pid, name in children(self.box.pid('job_controller')).items() if name == 'tcp_smtp_client')
        out = self.box.stop().stdout
        # Nobody here is its parent: whoever is has to take notice first.
        waxwing.wait_until(lambda: not os.path.exists(f'/proc/{program}'), out)
        self.assertRegex(out, rf'tcp_smtp_client +finishes what it has begun, pid {program}')

    def test_one_that_finishes_is_not_taken_for_one_that_hangs(self):
        """By a watcher that was not there when it began to."""
        fake = fake_smtp.FakeServer()
        self.addCleanup(fake.close)
        silent = fake.host(waits=True)
        self.box.set_option('smtp.client.port', fake.port)
        self.box.set_option('watcher.alive_timeout', '6')
        self.begin()
        self.send('waits', f'joe@[{silent.address}]')
        silent.wait(lambda: silent.connections == 1, 'a connection')
        program = next(pid for pid, name in children(self.box.pid('job_controller')).items() if name == 'tcp_smtp_client')
        finishes = self.box.log('tcp_smtp_client')
        os.kill(program, signal.SIGTERM)
        finishes.wait('daemon.stopping')
        watcher = self.box.pid('watcher')
        os.kill(watcher, signal.SIGKILL)
        waxwing.wait_until(lambda: not os.path.exists(f'/proc/{watcher}'), 'the watcher to be gone')
        log = self.box.log('watcher')
        self.box.start()
        hangs = next(pid for pid, name in children(self.box.pid('dispatcher')).items() if name == 'smtpd')
        os.kill(hangs, signal.SIGSTOP)
        log.wait(rf'watcher\.kill service=\S+ pid={hangs} why="gave no sign of life"')
        self.assertTrue(os.path.exists(f'/proc/{program}'))
        self.assertEqual(len(self.box.queue_files('tcp_local')), 1)
        silent.go_on()
        self.box.start()
        silent.wait_messages(1)


class NameServerSick(BadDay):
    def test_it_is_named_once_and_not_each_domain_alone(self):
        names = {f'd{n}.example': 'SERVFAIL' for n in range(8)}
        server = fake_dns.FakeDns(names)
        self.box.set_option('dns.server', server.address)
        self.begin()
        log = self.box.log('tcp_smtp_client', from_start=True)
        for name in names:
            self.send('sick', f'joe@{name}')
        log.wait(rf' error dns\.failing server={server.address} ')
        waxwing.wait_until(lambda: len([line for line in log.lines + log.read() if ' mta.deferred ' in line]) >= 8, 'all deferred')
        self.assertEqual(len([line for line in log.lines if ' dns.failing ' in line]), 1)
        self.assertTrue(any(f'name server {server.address}: server failure for d' in line for line in log.lines), log.lines[-3:])


class StartedByHand(BadDay):
    def test_a_second_one_takes_nothing_from_the_first(self):
        self.begin()
        for name in ('stored', 'job_controller'):
            out = self.box.command(name, check=False)
            self.assertEqual(out.returncode, 75, name)
            self.assertIn(f'another {name} runs', out.stderr)
        self.send('first')
        self.wait_delivered(['first'])
        self.assertIn('user/ann/INBOX', self.box.command('mboxutil', '-l').stdout)

    @unittest.skipUnless(os.getuid() == 0, 'root starts it')
    def test_by_root_it_becomes_the_service_user(self):
        self.box.set_option('local.serveruid', 'nobody')
        os.chmod(self.box.folder, 0o755)
        self.box.run(['chown', '-R', 'nobody', self.box.root])
        daemon = subprocess.Popen([os.path.join(self.box.root, 'bin/stored')], env=self.box.env)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)
        path = os.path.join(self.box.root, 'run/stored')
        waxwing.wait_until(lambda: os.path.exists(path), 'stored')
        self.assertEqual(os.stat(path).st_uid, pwd.getpwnam('nobody').pw_uid)


class DiskFull(BadDay):
    def test_is_a_temporary_answer_and_service_goes_on(self):
        self.begin(WAXWING_FAILPOINTS='spool.write=enospc@1')  # the first write of each process
        with self.box.smtp() as client:
            client.ehlo()
            for expected in ((452, b'4.3.1'), (250, b'2.5.0')):
                client.mail('a@remote.test')
                client.rcpt('u1@hold.test')
                code, text = client.data(b'Subject: x\r\n\r\nx\r\n')
                self.assertEqual((code, text[:5]), expected)
        with smtplib.LMTP('127.0.0.1', self.box.port('LMTP'), local_hostname='c.test') as client:
            client.ehlo('c.test')
            for expected in ((452, b'4.3.1'), (250, b'2.1.5')):
                client.mail('a@remote.test')
                client.rcpt('ann@example.test')
                code, text = client.data(b'Subject: lmtp\r\n\r\nx\r\n')
                self.assertEqual((code, text[:5]), expected)
        client = self.box.imap('ann@example.test', PASSWORD)
        status, text = client.append('INBOX', '', '', b'Subject: imap\r\n\r\nx\r\n')
        self.assertEqual((status, text[0].split(b']')[0]), ('NO', b'[UNAVAILABLE'))
        self.assertEqual(client.append('INBOX', '', '', b'Subject: imap\r\n\r\nx\r\n')[0], 'OK')
        client.logout()
        self.assertEqual(self.subjects(), ['imap', 'lmtp'])
        self.assertEqual(len(self.box.queue_files('hold')), 1)


    def test_lmtp_tells_every_recipient_wherever_the_disk_is_full(self):
        places = ('spool.write', 'store.cache.write', 'store.land.link', 'durable.sync')
        self.begin(WAXWING_FAILPOINTS=';'.join(f'{place}=enospc@1' for place in places))
        names = ['ann@example.test', 'joe@example.test']
        with Lmtp(self.box.port('LMTP')) as lmtp:
            for size in (1, 200_000):  # one in memory, one that is written as it comes
                answers = []
                for _ in range(2 * len(places)):
                    got = lmtp.deliver('a@remote.test', names, 'Subject: lmtp\n\n' + ('x' * 70 + '\n') * (size // 70))
                    answers.append([(code, text.split()[0]) for code, text in (got[name][1] for name in names)])
                    if answers[-1] == [(250, '2.1.5')] * 2:
                        break
                flat = [answer for pair in answers for answer in pair]
                self.assertEqual(set(flat), {(452, '4.3.1'), (250, '2.1.5')} if size == 1 else {(250, '2.1.5')})
        self.assertGreaterEqual(len(self.subjects('joe')), 2)


class DirectoryAway(BadDay):
    def begin_anew(self, *services):
        for name in services:  # start-msg would start the directory with them
            self.box.wait_running(name, other_than=self.box.kill(name))

    def test_what_was_accepted_waits_and_is_never_returned(self):
        self.begin()
        self.send('known')
        self.wait_delivered(['known'])
        self.box.command('imsimta', 'queue', 'stop', 'ims-ms')
        self.send('waits')
        self.box.stop('slapd')
        # A program that starts now knows nobody; the message is for a mailbox all the same.
        self.begin_anew('job_controller')
        self.box.command('imsimta', 'queue', 'start', 'ims-ms')
        self.wait_delivered(['known', 'waits'])
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@remote.test')
            self.assertEqual(client.rcpt('never-seen@example.test')[0], 451)
        with self.box.submit('joe@example.test', PASSWORD) as client:  # both are remembered here
            client.mail('joe@example.test')
            self.assertEqual(client.rcpt('ann@example.test')[0], 250)
        self.begin_anew('imapd', 'popd')  # these remember nobody now
        for open_session in (self.box.imap, self.box.pop):
            with self.assertRaisesRegex(Exception, r'UNAVAILABLE|SYS/TEMP'):
                open_session('ann@example.test', PASSWORD)
        self.box.start('slapd')
        self.send('back')
        self.wait_delivered(['back', 'known', 'waits'])
        self.box.wait_queue_empty()
        self.assertEqual(self.subjects('joe'), [])  # no notices


class Refused(BadDay):
    """start-msg --status says why mail is refused while everything runs."""

    def status(self):
        told = self.box.command('start-msg', '--status', check=False)
        return [line for line in told.stdout.splitlines() if 'refused' in line], told.returncode

    def wait_reason(self, pattern):
        def look():
            reasons, code = self.status()
            return code == 1 and [reason for reason in reasons if re.search(pattern, reason)]
        self.assertEqual(len(waxwing.wait_until(look, pattern)), 1)

    def test_a_directory_that_is_away(self):
        self.begin()
        self.assertEqual(self.status(), ([], 0))
        self.box.stop('slapd')
        self.wait_reason(r'^mail is refused for the time being: the directory cannot be asked \(.+\): recipients .*; see directory\.urls')
        self.box.start('slapd')
        self.assertEqual(self.status(), ([], 0))

    def test_a_partition_that_is_away(self):
        self.begin()
        self.send('first')
        self.wait_delivered(['first'])
        path = os.path.join(self.box.root, 'store/partition/primary')
        os.rename(path, path + '.away')
        os.mkdir(path)
        self.wait_reason(re.escape(path) + r' by its mark, and .*not mounted')
        os.rmdir(path)
        os.rename(path + '.away', path)
        self.assertEqual(self.status(), ([], 0))
        os.rename(path + '/=user', path + '/users')
        self.wait_reason(re.escape(path) + r' is away: .*mount its file system')
        os.rename(path + '/users', path + '/=user')
        self.assertEqual(self.status(), ([], 0))

    def test_a_partition_that_nobody_has_used_is_not_missed(self):
        self.box.set_option('store.partition.other.path', 'store/partition/other')
        self.box.start('slapd', 'dispatcher')
        self.assertEqual(self.status()[0], [])
        self.begin()
        os.rename(os.path.join(self.box.root, 'store/partition/other/=user'), os.path.join(self.box.root, 'store/partition/other/gone'))
        self.assertEqual(self.status(), ([], 0))

    def test_a_journal_that_cannot_be_written(self):
        armed = os.path.join(self.box.folder, 'armed')
        self.begin(WAXWING_FAILPOINTS=armed)
        with open(armed + '.new', 'w') as file:
            file.write('smtpd:journal.sync=eio\n' + 'journal.checkpoint=eio\n' * 150)
        os.rename(armed + '.new', armed)
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@remote.test')
            client.rcpt('u1@hold.test')
            self.assertEqual(client.data(b'Subject: x\r\n\r\nx\r\n')[0], 451)
        self.wait_reason(r'the journal .*/journal cannot be written or synced, .*see to its disk')
        os.unlink(armed)
        self.send('mended')
        self.assertEqual(self.status(), ([], 0))


class ListenAddresses(BadDay):
    def test_an_empty_piece_in_the_list_stops_no_service(self):
        self.box.set_option('local.listenaddr', '127.0.0.1, ')
        self.box.start('imapd', 'popd')
        self.box.imap(tls=False).logout()
        self.box.pop(tls=False).quit()

    @unittest.skipUnless(os.path.exists('/proc/net/if_inet6'), 'needs IPv6')
    def test_a_star_is_both_kinds(self):
        self.box.set_option('local.listenaddr', '*')
        self.box.start()
        for address in ('127.0.0.1', '::1'):
            for name in ('SMTP', 'SUBMITS', 'IMAP', 'IMAPS', 'POP', 'POPS'):
                socket.create_connection((address, self.box.port(name)), timeout=waxwing.DEADLINE).close()
        with socket.create_connection(('::1', self.box.port('SMTP')), timeout=waxwing.DEADLINE) as s, s.makefile('rwb', buffering=0) as client:
            client.readline()
            for line, code in ((b'HELO [IPv6:::1]', b'250'), (b'MAIL FROM:<a@b.test>', b'250'), (b'RCPT TO:<c@elsewhere.test>', b'250')):
                client.write(line + b'\r\n')
                self.assertEqual(client.readline()[:3], code, line)


class Certificate(BadDay):
    def test_one_that_cannot_be_used_is_told_and_may_come_later(self):
        path = os.path.join(self.box.root, 'tls/server.pem')
        os.rename(path, path + '.away')
        out = self.box.start()
        self.assertIn(f'cannot read {path}', out.stderr)
        for name in ('IMAPS', 'POPS', 'SUBMITS'):  # taken, so that nobody else has it when the certificate comes
            with socket.create_connection(('127.0.0.1', self.box.port(name)), timeout=waxwing.DEADLINE) as client:
                self.assertEqual(client.recv(1), b'', name)
        os.rename(path + '.away', path)
        self.assertNotIn('REFUSED', self.box.command('imsimta', 'reload').stdout)
        self.box.user('joe', PASSWORD)
        self.box.imap('joe@example.test', PASSWORD).logout()
        self.box.pop('joe@example.test', PASSWORD).quit()

    def test_one_that_goes_bad_is_refused_by_all(self):
        self.box.start()
        path = os.path.join(self.box.root, 'tls/server.key')
        shutil.copy(path, path + '.good')
        with open(path, 'w') as f:
            f.write('no key')
        out = self.box.command('imsimta', 'reload', check=False)
        self.assertEqual(out.returncode, 75)
        for name in ('dispatcher', 'imapd', 'popd'):
            self.assertRegex(out.stdout, f'{name} +REFUSED')
        with self.box.smtp() as client:
            client.ehlo()
            self.assertTrue(client.has_extn('starttls'))
        os.replace(path + '.good', path)
        self.assertRegex(self.box.command('imsimta', 'reload').stdout, 'dispatcher +reloaded')


if __name__ == '__main__':
    waxwing.main()
