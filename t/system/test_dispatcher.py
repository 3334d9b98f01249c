#!/usr/bin/env python3
"""The dispatcher and its workers: who lives how long, and who may come in."""
import contextlib
import os
import re
import signal
import socket
import unittest

import fake_dns
import waxwing
from smtp_wire import PASSWORD, Wire, newest


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')  # what arrives is read by POP3
    names = fake_dns.FakeDns({'9.0.0.127.list.example.org': {'A': ['127.0.0.2'], 'TXT': ['seen sending junk']},
                              '10.0.0.127.list.example.org': {'A': ['192.0.2.1']}, '10.0.0.127.broken.example.org': 'SERVFAIL'})
    unittest.addModuleCleanup(names.close)
    box.set_option('dns.server', names.address)
    box.start()
    for name in ('joe', 'ann', 'bob', 'cora', 'eve'):
        box.user(name, PASSWORD)


class Life(waxwing.TestCase):
    """Workers and the dispatcher come and go; what was begun is finished."""

    def worker(self, service):
        """Pid of a worker of the service, from the dispatcher's log."""
        with open(os.path.join(self.box.root, 'log', 'dispatcher.log')) as log:
            text = log.read()
        pids = re.findall(rf'dispatcher\.worker\.started service={service} pid=(\d+)', text)
        gone = set(re.findall(rf'dispatcher\.worker\.gone service={service} pid=(\d+)', text))
        return [int(p) for p in pids if p not in gone][-1]

    def connect(self):
        wire = Wire(self.box)
        self.addCleanup(wire.socket.close)
        wire.reply()
        return wire

    def begin(self):
        wire = self.connect()
        for line in (b'EHLO c.test', b'MAIL FROM:<a@remote.test>', b'RCPT TO:<joe@example.test>', b'DATA'):
            wire.ask(line)
        wire.send(b'Subject: long\r\n\r\nfirst half\r\n')
        return wire

    def test_a_killed_worker_is_replaced(self):
        log = self.box.log('dispatcher')
        os.kill(self.worker('SMTP'), signal.SIGKILL)
        log.wait(r'worker\.started service=SMTP ')
        with Wire(self.box) as wire:
            self.assertEqual(wire.ask(b'NOOP')[:3], '250')

    def in_memory(self):
        """What the job controller knows of in ims-ms."""
        return int(re.search(r'^(\d+) in memory', self.box.command('imsimta', 'cache', '-view', 'ims-ms').stdout, re.M)[1])

    def leave_untold(self):
        """A file that was renamed behind the job controller's back stands for one whose worker died before it told of it."""
        self.box.wait_queue_empty('ims-ms')  # of other tests
        self.box.command('imsimta', 'queue', 'stop', 'ims-ms')
        with self.box.smtp() as client:
            client.sendmail('a@remote.test', ['bob@example.test'], b'Subject: untold\r\n\r\nx\r\n')
        waxwing.wait_until(self.in_memory, 'the job controller to know of the message')  # or it hears of it after the hold
        name = self.box.queue_files('ims-ms')[0]
        self.box.command('imsimta', 'qm', 'hold', name)
        path = os.path.join(self.box.root, 'queue', name)
        os.rename(path + '.HELD', path)
        self.box.command('imsimta', 'queue', 'start', 'ims-ms')
        self.assertEqual(self.in_memory(), 0)

    def test_what_a_killed_worker_did_not_tell_of_is_found(self):
        self.leave_untold()
        os.kill(self.worker('SMTP'), signal.SIGKILL)
        self.box.wait_queue_empty('ims-ms')

    def test_what_a_killed_worker_did_not_tell_of_is_found_while_it_drains(self):
        self.begin()
        old, log = self.worker('SMTP'), self.box.log('dispatcher')
        self.box.command('imsimta', 'reload')
        waxwing.wait_until(lambda: self.worker('SMTP') != old, 'a new worker')
        self.leave_untold()
        os.kill(old, signal.SIGKILL)
        self.assertIn(' active=1 drained=1', log.wait(rf'worker\.gone service=SMTP pid={old} '))
        self.box.wait_queue_empty('ims-ms')

    def test_sessions_outlive_the_dispatcher(self):
        wire = self.begin()
        log = self.box.log('dispatcher')
        old = self.box.kill('dispatcher')
        self.box.wait_running('dispatcher', other_than=old)
        log.wait(r'daemon\.ready')
        with Wire(self.box) as other:
            self.assertEqual(other.ask(b'NOOP')[:3], '250')
        self.assertEqual(wire.ask(b'second half\r\n.')[:3], '250')
        self.assertEqual(wire.ask(b'QUIT')[:3], '221')

    def test_a_stop_says_goodbye_between_messages_only(self):
        busy = self.begin()
        idle = self.connect()
        login = Wire(self.box, 'SUBMIT')
        login.reply()
        login.ask(b'EHLO c.test')
        self.assertEqual(login.ask(b'AUTH LOGIN')[:3], '334')
        self.box.restart('dispatcher')
        for wire in (idle, login):
            self.assertEqual(wire.reply()[:9], '421 4.3.2')
            self.assertTrue(wire.closed())
        self.assertEqual(busy.ask(b'second half\r\n.')[:3], '250')
        self.assertEqual(busy.reply()[:9], '421 4.3.2')


class Policy(waxwing.TestCase):
    """Who may come in, and what happens when too many do."""

    def change(self, name, edit):
        self.addCleanup(self.publish)
        self.box.edit(name, edit, until=self)
        self.publish()

    def publish(self):
        self.box.command('imsimta', 'cnbuild')
        self.box.restart('dispatcher')

    def test_port_access(self):
        self.change('mappings', lambda old: old.replace(
            'PORT_ACCESS\n\n', 'PORT_ACCESS\n\n  TCP|*|*|127.0.0.9|*  $N554$ 5.7.1$ Not$ you\n', 1))
        refused = Wire(self.box, source='127.0.0.9')
        self.assertEqual(refused.reply(), '554 5.7.1 Not you')
        self.assertTrue(refused.closed())
        refused.socket.close()
        with Wire(self.box) as wire:
            self.assertEqual(wire.ask(b'NOOP')[:3], '250')

    def test_block_lists(self):
        self.change('dispatcher.cnf', lambda old: 'DNS_VERIFY_DOMAIN=broken.example.org\nDNS_VERIFY_DOMAIN=list.example.org\n' + old)
        log = self.box.log('dispatcher')
        listed = Wire(self.box, source='127.0.0.9')
        self.assertEqual(listed.reply(), '554 5.7.1 [127.0.0.9] is listed by list.example.org: seen sending junk')
        self.assertTrue(listed.closed())
        listed.socket.close()
        log.wait(r'dispatcher\.listed service=SMTP .*zone=list\.example\.org')
        for source in ('127.0.0.10', '127.0.0.11', '127.0.0.1'):  # an answer that says nothing, no answer, this host
            with self.subTest(source), Wire(self.box, source=source) as wire:
                self.assertEqual(wire.ask(b'NOOP')[:3], '250')

    ACCESS = '''
FROM_ACCESS

  TCP|*|SMTP/c.test|MAIL|tcp_*|never@remote.test|   $N$<on$ record|not$ you
  *|few@remote.test|*                               $S1,2,3$Y
  *|tagged@remote.test|*                            $T$A$Y[ext]|X-Seen:$ here
  *|other@remote.test|*                             $K$J$Yrenamed@remote.test|boss@remote.test

SEND_ACCESS

  tcp_*|*|ims-ms|bob@example.test                   $H
  *|ann@example.test                                $B

MAIL_ACCESS

  TCP|*|SMTP/c.test|MAIL|tcp_*|*|*|cora@example.test  $:T$Ntoo$ private
  *|joe@example.test                                $:S$NX-No$ success
  *                                                 $A$YX-All:$ once
'''

    def begin(self, sender, *recipients):
        wire = Wire(self.box)
        self.addCleanup(wire.socket.close)
        wire.reply()
        wire.ask(b'EHLO c.test')
        self.assertEqual(wire.ask(b'MAIL FROM:<%s>' % sender)[:3], '250')
        return wire, [wire.ask(b'RCPT TO:' + (r if b'<' in r else b'<%s>' % r))[:3] for r in recipients]

    def finish(self, wire, text=b'Subject: access\r\n\r\nx'):
        self.assertEqual(wire.ask(b'DATA')[:3], '354')
        return wire.ask(text + b'\r\n.')[:9]

    def count(self, user):
        client = self.box.pop(f'{user}@example.test', PASSWORD)
        try:
            return client.stat()[0]
        finally:
            client.quit()

    def test_access_tables_at_work(self):
        self.change('mappings', lambda old: old + self.ACCESS)
        log = self.box.log('smtpd')
        with Wire(self.box) as wire:
            wire.ask(b'EHLO c.test')
            self.assertEqual(wire.ask(b'MAIL FROM:<never@remote.test>'), '550 5.7.1 not you')
            self.assertEqual(wire.ask(b'MAIL FROM:<few@remote.test> SIZE=1025')[:3], '552')
        log.wait(r'mta\.access .*table=FROM_ACCESS text="on record"')

        # $S: blocks, recipients, RCPT commands.
        wire, answers = self.begin(b'few@remote.test', b'joe@example.test', b'eve@example.test', b'cora@example.test')
        self.assertEqual(answers, ['250', '250', '452'])
        self.assertEqual(self.finish(wire, b'Subject: access\r\n\r\n' + b'x' * 1025), '552 5.3.4')
        wire, _ = self.begin(b'few@remote.test', *4 * [b'eve@example.test'])
        self.assertEqual(self.finish(wire), '554 5.5.3')

        # $T, $A, $J and input flags.
        before = self.count('joe')
        wire, answers = self.begin(b'tagged@remote.test', b'joe@example.test', b'<joe@example.test> NOTIFY=SUCCESS', b'eve@example.test')
        self.assertEqual(answers, ['250', '550', '250'])
        self.assertEqual(self.finish(wire), '250 2.5.0')
        text = newest(self.box, 'joe', before + 1)
        self.assertIn(b'\r\nSubject: [ext] access\r\n', text)
        self.assertEqual((text.count(b'\r\nX-Seen: here\r\n'), text.count(b'\r\nX-All: once\r\n')), (1, 1))
        wire, _ = self.begin(b'other@remote.test', b'joe@example.test')
        self.assertEqual(self.finish(wire), '250 2.5.0')
        text = newest(self.box, 'joe', before + 2)
        self.assertTrue(text.startswith(b'Return-Path: <renamed@remote.test>'), text)
        self.assertIn(b'\r\nSender: boss@remote.test\r\n', text)

        # $H and $B: held for one, thrown away for another, delivered to the third.
        before, unread = self.count('joe'), self.count('ann')
        wire, answers = self.begin(b'a@remote.test', b'bob@example.test', b'ann@example.test', b'joe@example.test')
        self.assertEqual(answers, ['250', '250', '250'])
        self.assertEqual(self.finish(wire), '250 2.5.0')
        newest(self.box, 'joe', before + 1)
        self.assertEqual(self.count('ann'), unread)
        held = [name for name in self.box.queue_files('ims-ms') if name.endswith('.HELD')]
        self.assertEqual(len(held), 1)
        self.box.command('imsimta', 'qm', 'delete', held[0])

    def test_a_worker_that_served_enough_is_replaced(self):
        self.change('dispatcher.cnf', lambda old: re.sub('MAX_LIFE_CONNS=.*', 'MAX_LIFE_CONNS=3', old))
        log = self.box.log('dispatcher')
        last = Wire(self.box)  # stays open: its worker may not go before it has ended
        last.reply()
        for _ in range(2):
            with Wire(self.box) as wire:
                self.assertEqual(wire.ask(b'QUIT')[:3], '221')
        log.wait(r'worker\.started service=SMTP ')
        with Wire(self.box) as wire:  # by another worker
            self.assertEqual(wire.ask(b'NOOP')[:3], '250')
        self.assertEqual(last.ask(b'NOOP')[:3], '250')
        self.assertEqual(last.ask(b'QUIT')[:3], '221')
        last.socket.close()
        log.wait(r'worker\.gone service=SMTP ')

    def test_workers_end_by_age_and_idleness(self):
        for limit, others in (('MAX_LIFE_TIME=1', {}), ('MAX_IDLE_TIME=1', {'MIN_PROCS': 0})):
            with self.subTest(limit):
                def edit(old):
                    for name, value in others.items():
                        old = re.sub(rf'(?m)^{name}=.*', f'{name}={value}', old, count=1)
                    return limit + '\n' + re.sub(r'(?m)^MAX_LIFE_TIME=.*\n', '', old)
                self.change('dispatcher.cnf', edit)
                log = self.box.log('dispatcher')
                with Wire(self.box) as wire:
                    self.assertEqual(wire.ask(b'QUIT')[:3], '221')
                log.wait(r'worker\.gone service=SMTP .*drained=1')
                self.doCleanups()

    def test_only_the_addresses_that_are_named_are_bound(self):
        self.change('dispatcher.cnf', lambda old: old.replace('INTERFACE_ADDRESS=$local.listenaddr', 'INTERFACE_ADDRESS=127.0.0.3', 1))
        with socket.create_connection(('127.0.0.3', self.box.port('SMTP')), timeout=waxwing.DEADLINE) as there:
            self.assertEqual(there.recv(3), b'220')
        with self.assertRaises(ConnectionRefusedError):
            Wire(self.box)

    def test_port_access_waits_for_the_directory(self):
        self.change('mappings', lambda old: old.replace(
            'PORT_ACCESS\n\n', 'PORT_ACCESS\n\n  TCP|*|*|127.0.0.9|*  $]ldap:///?mail?sub?(uid=nobody)[$N\n', 1))
        self.box.stop('slapd')
        self.addCleanup(self.box.start)

        def answer(source):
            wire = Wire(self.box, source=source)
            with contextlib.closing(wire.socket):
                return wire.reply()[:9]
        self.assertEqual(answer('127.0.0.9'), '421 4.3.0')
        self.assertEqual(answer('127.0.0.1')[:3], '220')
        self.box.start('slapd')
        waxwing.wait_until(lambda: answer('127.0.0.9')[:3] == '220', 'the directory to be asked again')

    def test_overload(self):
        limits = 'MIN_PROCS=1\nMAX_PROCS=2\nMIN_CONNS=1\nMAX_CONNS=1\n'
        self.change('dispatcher.cnf', lambda old: limits + re.sub(r'(?m)^(MIN|MAX)_(PROCS|CONNS)=.*\n', '', old))
        with Wire(self.box) as one:
            with Wire(self.box) as two:  # a second worker takes it
                self.assertEqual(two.ask(b'NOOP')[:3], '250')
                three = Wire(self.box)
                self.assertEqual(three.reply()[:9], '421 4.3.2')
                three.socket.close()
            self.assertEqual(one.ask(b'NOOP')[:3], '250')

    def test_directory_down(self):
        self.box.stop('slapd')
        self.addCleanup(self.box.start)

        def answer():
            with self.box.smtp() as client:
                client.ehlo()
                client.mail('a@remote.test')
                return client.rcpt('nobody-yet@example.test')[0]
        self.assertEqual(answer(), 451)
        self.box.start('slapd')
        waxwing.wait_until(lambda: answer() == 550, 'the directory to be asked again')


if __name__ == '__main__':
    waxwing.main()
