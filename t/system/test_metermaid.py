#!/usr/bin/env python3
"""MeterMaid: limits that all workers share, greylists, and senders who send far more than usual."""
import json
import os
import re
import signal
import smtplib
import socket

import waxwing

ROWS = r"""
FROM_ACCESS

  TCP|*|*|*|*|*|MAIL|*|throttled@*|*  $C$[IMTA_LIB:check_metermaid.so,throttle,mails,$6]$N$X4.7.1|Too$ much$ mail$E
  TCP|*|*|*|*|*|MAIL|*|new@*|*  $C$[/opt/elsewhere/lib/check_metermaid.so,greylisting,slow,$6]$N$X4.7.1|Come$ again$E
  TCP|*|*|*|*|*|MAIL|*|counted@*|*  $C$[IMTA_LIB:check_metermaid.so,adjust_and_test,numbers,a,$6,+2,>3]$NToo$ many$E

"""


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.edit('mappings', ROWS)
    box.edit('dispatcher.cnf', lambda text: text.replace('[SERVICE=SMTP]\n', '[SERVICE=SMTP]\nMIN_PROCS=2\nMIN_CONNS=1\n'))
    # A client at 127.0.0.9 comes in by the channel of strangers, which greylists.
    box.edit('imta.cnf', lambda text: text.replace('\ntcp_local ', '\ntcp_local grey '))
    box.edit('mappings', lambda text: text.replace('\nINTERNAL_IP\n\n', '\nINTERNAL_IP\n\n  127.0.0.9  $N\n'))
    box.set_option('metermaid.table.mails.quota', 3)
    box.set_option('metermaid.table.mails.quota_time', 3600)
    box.set_option('metermaid.table.slow.type', 'greylisting')
    box.set_option('metermaid.table.numbers.type', 'simple')
    box.set_option('metermaid.surge.floor', 3)
    box.command('imsimta', 'cnbuild')
    box.start()
    for uid in ('alice', 'bob'):
        box.user(uid, 'secret')


class MeterMaid(waxwing.TestCase):
    def mail(self, client, address):
        code, text = client.mail(address)
        client.rset()
        return code, text.decode()

    def counted(self, table, key):
        out = self.box.command('imsimta', 'metermaid', table, key, check=False)
        return int(out.stdout.split()[-1]) if out.returncode == 0 else None

    def test_two_workers_share_a_count_and_a_restart_keeps_it(self):
        log = self.box.log('smtpd')
        first, second = self.box.smtp(), self.box.smtp()
        waxwing.wait_until(lambda: log.read() is not None and sum(' smtp.open ' in line for line in log.lines) == 2,
                           'two sessions')
        pids = {re.search(r'smtpd\[(\d+)\]', line)[1] for line in log.lines if ' smtp.open ' in line}
        self.assertEqual(len(pids), 2, 'two workers')
        with first, second:
            for client in (first, second):
                client.ehlo('client.test')
            self.assertEqual([self.mail(client, 'throttled@x.test')[0] for client in (first, second, first)], [250] * 3)
            for client in (first, second):
                self.assertEqual(self.mail(client, 'throttled@x.test'), (450, '4.7.1 Too much mail'))
            self.assertEqual(self.mail(second, 'throttled@y.test')[0], 250, 'another key has a count of its own')
            self.box.restart('metermaid')
            self.assertEqual(self.mail(first, 'throttled@x.test')[0], 450)
            self.assertEqual(self.counted('mails', 'x.test'), 3)
            self.box.command('imsimta', 'metermaid', '-remove', 'mails', 'x.test')
            self.assertEqual(self.mail(first, 'throttled@x.test')[0], 250)
            self.assertIsNone(self.counted('mails', 'nobody.test'))

    def test_a_greylist_and_a_number_asked_of_by_mappings(self):
        with self.box.smtp() as client:
            client.ehlo('client.test')
            self.assertEqual(self.mail(client, 'new@x.test'), (450, '4.7.1 Come again'))
            self.box.set_option('metermaid.table.slow.block_time', 0)
            self.box.command('imsimta', 'reload')
            waxwing.wait_until(lambda: self.mail(client, 'new@x.test')[0] == 250, 'metermaid to take the option')
            self.assertEqual(self.mail(client, 'counted@z.test')[0], 250)
            self.assertEqual(self.mail(client, 'counted@z.test'), (550, '5.7.1 Too many'))
            self.assertEqual(self.counted('numbers', 'a,z.test'), 4)

    def test_the_keyword_grey_is_for_strangers(self):
        port = self.box.port('SMTP')
        with smtplib.SMTP('127.0.0.1', port, source_address=('127.0.0.9', 0), timeout=waxwing.DEADLINE) as client:
            client.ehlo('far.test')
            client.mail('friend@far.test')
            self.assertEqual(client.rcpt('bob@example.test'),
                             (451, b'4.7.1 Not known here yet, try again in a few minutes'))
            self.assertEqual(client.rcpt('nobody@example.test')[0], 550)
            self.assertIsNone(self.counted('greylist', '127.0.0.0|friend@far.test|nobody@example.test'))
            self.assertEqual(self.counted('greylist', '127.0.0.0|friend@far.test|bob@example.test'), 1)
            self.box.set_option('metermaid.table.greylist.block_time', 0)
            self.box.command('imsimta', 'reload')
            waxwing.wait_until(lambda: client.rcpt('bob@example.test')[0] == 250, 'the block time to end')
        with self.box.smtp() as client:  # from a host of ours
            client.sendmail('someone@example.test', ['bob@example.test'], 'Subject: ours\r\n\r\nhi\r\n')

    def test_a_user_who_sends_far_more_than_usual_is_limited_and_the_postmaster_told(self):
        log = self.box.log('smtpd')
        with self.box.submit('alice', 'secret') as client:
            for number in range(3):
                client.sendmail('alice@example.test', ['bob@example.test'], f'Subject: {number}\r\n\r\nhi\r\n')
            for _ in range(2):
                with self.assertRaises(smtplib.SMTPDataError) as refused:
                    client.sendmail('alice@example.test', ['bob@example.test'], 'Subject: more\r\n\r\nhi\r\n')
                self.assertEqual((refused.exception.smtp_code, refused.exception.smtp_error[:5]), (450, b'4.7.1'))
            self.assertEqual(client.noop()[0], 250, 'the session goes on')
            client.mail('alice@example.test')
            client.rcpt('bob@example.test')
            client.send(b'BDAT 14\r\nSubject: b\r\n\r\nBDAT 0 LAST\r\n')
            self.assertEqual(client.getreply()[0], 450)
            self.assertEqual(client.getreply()[0], 450)
            self.assertEqual(client.noop()[0], 250)
        log.wait(r' warning smtp\.surge .*user=alice count=3 limit=3')
        log.wait(r' information smtp\.surge .*user=alice')
        listed = self.box.command('imsimta', 'metermaid', '-top=5', 'surge').stdout
        self.assertRegex(listed, r'(?m)^ +3 +3 +\d+ \S+ \S+ +alice  limited$')
        as_json = [json.loads(line) for line in self.box.command('imsimta', 'metermaid', '-json', 'surge').stdout.splitlines()]
        self.assertEqual([row['count'] for row in as_json], sorted((row['count'] for row in as_json), reverse=True))
        self.assertIn('alice', [row['key'] for row in as_json])
        log.wait(r'mta\.enqueue .*src=process .*from="" to=')
        told = [line for line in log.lines + log.read() if 'mta.enqueue' in line and 'src=process' in line]
        self.assertEqual(len(told), 1, 'once a period')
        self.assertEqual(len([line for line in log.lines if ' warning smtp.surge ' in line]), 1, 'once a period')
        with self.box.smtp() as client:  # nobody logged in: no mailbox that could have been taken over
            client.sendmail('alice@example.test', ['bob@example.test'], 'Subject: 5\r\n\r\nhi\r\n')
        self.box.command('imsimta', 'metermaid', '-remove', 'surge', 'alice')
        with self.box.submit('alice', 'secret') as client:
            client.sendmail('alice@example.test', ['bob@example.test'], 'Subject: again\r\n\r\nhi\r\n')

    def test_while_it_hangs_or_is_gone_nobody_is_limited(self):
        pid = self.box.pid('metermaid')
        log = self.box.log('smtpd')
        os.kill(pid, signal.SIGSTOP)
        try:
            with self.box.smtp() as client:
                client.ehlo('client.test')
                self.assertEqual(self.mail(client, 'throttled@hang.test')[0], 250)
            log.wait(r' mta\.metermaid\.failed ')
        finally:
            os.kill(pid, signal.SIGCONT)
        self.box.kill('metermaid')
        with self.box.submit('bob', 'secret') as client:
            client.sendmail('bob@example.test', ['bob@example.test'], 'Subject: still\r\n\r\nhi\r\n')
        self.box.wait_running('metermaid', other_than=pid)

    def test_a_routine_that_there_is_not_is_told_of(self):
        self.box.edit('mappings', '\nWRONG\n\n  *  $[IMTA_LIB:check_metermaid.so,nonsense,x]\n', until=self)
        out = self.box.command('imsimta', 'cnbuild', '-check')
        self.assertIn('there is no such routine; there are adjust, adjust_and_test, fetch', out.stdout + out.stderr)

    def test_hostile_keys_and_packets(self):
        with self.box.smtp() as client:
            client.ehlo('client.test')
            for local in ('throttled', 'counted'):
                self.assertIn(self.mail(client, f'{local}@{"a" * 63}.{"b" * 63}.{"c" * 63}.test')[0], (250, 501))
            self.mail(client, 'counted@x,+100,>1.test')
            self.assertEqual(self.mail(client, 'throttled@own.test')[0], 250)
        path = os.path.join(self.box.root, 'run', 'metermaid')
        home = os.getcwd()
        os.chdir(os.path.dirname(path))
        try:
            for packet in (b'', b'\0', b'count\0', b'count\0table=mails\0key=' + b'k' * 60000 + b'\0amount=-9\0',
                           b'store\0table=numbers\0key=n\0amount=' + b'9' * 400 + b'\0', b'\xff' * 1000,
                           b'count\0table=../../x\0key=\0'):
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                    s.settimeout(waxwing.DEADLINE)
                    s.connect('metermaid')
                    if packet:
                        s.send(packet)
                        s.recv(70000)
        finally:
            os.chdir(home)
        self.assertEqual(self.counted('mails', 'own.test'), 1)


if __name__ == '__main__':
    waxwing.main()
