#!/usr/bin/env python3
"""What one client may take of the server: connections, time, memory; and what a full schedule leaves to others."""
import os
import re
import resource
import socket

import waxwing

CONNECTIONS = 3
SCHEDULE = 100   # messages in the memory of job_controller


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    config = os.path.join(box.root, 'config')
    with open(os.path.join(config, 'tcp_local_option'), 'a') as options:
        options.write('LEAST_DATA_RATE=100000\nLEAST_DATA_RATE_AFTER=1\n')
    path = os.path.join(config, 'dispatcher.cnf')
    with open(path) as file:
        text = file.read()
    with open(path, 'w') as file:
        file.write(text.replace('[SERVICE=SMTP]', f'[SERVICE=SMTP]\nMAX_CLIENT_CONNS={CONNECTIONS}', 1))
    path = os.path.join(config, 'job_controller.cnf')
    with open(path) as file:
        text = file.read()
    with open(path, 'w') as file:
        file.write(f'MAX_MESSAGES={SCHEDULE}\n' + re.sub(r'(?im)^MAX_MESSAGES=.*\n', '', text))
    box.command('imsimta', 'cnbuild')
    box.start()
    box.user('bob', 'secret')


class Client:
    def __init__(self, port, source='127.0.0.1'):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=waxwing.DEADLINE, source_address=(source, 0))
        self.file = self.socket.makefile('rb')

    def reply(self):
        return self.file.readline().decode()

    def say(self, line):
        self.socket.sendall(line.encode() + b'\r\n')
        return self.reply()

    def close(self):
        self.file.close()
        self.socket.close()


class Limits(waxwing.TestCase):
    def client(self, source='127.0.0.1'):
        client = Client(self.box.port('SMTP'), source)
        self.addCleanup(client.close)
        return client

    def test_an_address_has_so_many_connections_and_gets_new_ones_when_it_closes_some(self):
        log = self.box.log('dispatcher')
        first = [self.client('127.0.0.2') for _ in range(CONNECTIONS)]
        for client in first:
            self.assertRegex(client.reply(), '^220 ')
        refused = self.client('127.0.0.2')
        self.assertRegex(refused.reply(), '^421 4.7.0 Too many connections')
        self.assertEqual(refused.reply(), '')
        log.wait(rf'dispatcher\.client_limit .*127\.0\.0\.2.* limit={CONNECTIONS}')
        self.assertRegex(self.client('127.0.0.3').reply(), '^220 ')
        self.assertRegex(first[0].say('QUIT'), '^221 ')

        def again():
            client = self.client('127.0.0.2')
            reply = client.reply()
            client.close()
            return reply.startswith('220 ')
        waxwing.wait_until(again, 'a new connection to be served')

    def test_a_place_is_free_again_with_the_session(self):
        # Workers tell of sessions that are over for many at a time; who would be refused is counted anew first.
        for _ in range(CONNECTIONS - 1):
            self.assertRegex(self.client('127.0.0.4').reply(), '^220 ')
        served = 0
        for _ in range(30):
            last = self.client('127.0.0.4')
            served += last.reply().startswith('220 ')
            last.say('QUIT')
            self.assertEqual(last.reply(), '')  # the end comes a moment before the worker has counted it
        self.assertGreater(served, 25)

    def processes(self, program):
        """Ids of ours."""
        found = []
        for entry in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{entry}/cmdline') as file:
                    words = file.read().split('\0')
            except OSError:
                continue
            if words[0].endswith('/' + program) and self.box.root in words:
                found.append(int(entry))
        return found

    def test_connections_that_a_worker_cannot_take_are_not_counted(self):
        log = self.box.log('smtpd')
        before = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in self.processes('smtpd')}
        self.assertTrue(before)
        try:
            for pid, (_, hard) in before.items():
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))  # of all numbers that are free none may be used
            for _ in range(CONNECTIONS):
                self.assertEqual(self.client('127.0.0.5').reply(), '')
        finally:
            for pid, limits in before.items():
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        log.wait(r'worker\.connection\.bad .*peer=127\.0\.0\.5')
        for _ in range(CONNECTIONS):
            self.assertRegex(self.client('127.0.0.5').reply(), '^220 ')

    def test_connections_of_this_host_itself_are_not_counted(self):
        for client in [self.client() for _ in range(CONNECTIONS + 3)]:
            self.assertRegex(client.reply(), '^220 ')

    def begin_message(self, data):
        client = self.client()
        self.assertRegex(client.reply(), '^220 ')
        for line in ('HELO drip.test', 'MAIL FROM:<a@drip.test>', 'RCPT TO:<bob@example.test>'):
            self.assertRegex(client.say(line), '^250 ')
        if data:
            self.assertRegex(client.say('DATA'), '^354 ')
        else:
            client.socket.sendall(b'BDAT 100000 LAST\r\n')
        return client

    def drip(self, client):
        """A few bytes at a time until the server speaks; what it says."""
        client.socket.settimeout(0.05)
        for _ in range(2000):
            try:
                client.socket.sendall(b'drop ')
            except OSError:
                break
            try:
                return client.file.readline().decode()
            except TimeoutError:
                client.file = client.socket.makefile('rb')
        return ''

    def test_a_client_that_drips_its_message_is_ended(self):
        for data in (True, False):
            with self.subTest(data=data):
                log = self.box.log('smtpd')
                self.assertRegex(self.drip(self.begin_message(data)), '^421 4.4.2 The message comes too slowly')
                log.wait(r'smtp\.data\.slow .*qid=\w+')
        self.assertEqual(self.box.queue_files('ims-ms'), [])

    def test_memory_of_smtpd_does_not_grow_with_the_message(self):
        def peak():
            """KiB, of all workers that run."""
            most = 0
            for pid in self.processes('smtpd'):
                with open(f'/proc/{pid}/status') as file:
                    most = max(most, int(re.search(r'VmHWM:\s+(\d+)', file.read())[1]))
            return most
        mebibytes = 40
        piece = b'0123456789' * 6 + b'1234\r\n'
        for count in (1, mebibytes):
            client = self.client()
            client.reply()
            for line in ('HELO large.test', 'MAIL FROM:<a@large.test>', 'RCPT TO:<u1@discard.test>'):
                self.assertRegex(client.say(line), '^250 ')
            self.assertRegex(client.say('DATA'), '^354 ')
            client.socket.sendall(b'Subject: large\r\n\r\n')
            for _ in range(count * 16):
                client.socket.sendall(piece * 1000)
            self.assertRegex(client.say('.'), '^250 ')
            if count == 1:
                before = peak()
        self.assertGreater(before, 0)
        self.assertLess(peak() - before, mebibytes * 1024 // 4)

    def test_mail_that_fills_the_schedule_leaves_room_for_other_channels_after_a_restart(self):
        self.box.command('imsimta', 'queue', 'stop', 'bitbucket')
        self.addCleanup(self.box.command, 'imsimta', 'queue', 'start', 'bitbucket')
        self.box.stop('job_controller')
        with self.box.smtp() as client:
            for n in range(SCHEDULE + 20):
                client.sendmail('a@example.test', 'u1@discard.test', f'Subject: waits {n}\r\n\r\nx\r\n')
            client.sendmail('a@example.test', 'bob@example.test', 'Subject: gets through\r\n\r\nx\r\n')
        self.assertEqual(len(self.box.queue_files('bitbucket')), SCHEDULE + 20)
        self.box.start('job_controller')
        self.box.wait_messages('bob@example.test', 'secret', 1)
        self.assertEqual(len(self.box.queue_files('bitbucket')), SCHEDULE + 20)


if __name__ == '__main__':
    waxwing.main()
