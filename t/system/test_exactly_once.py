#!/usr/bin/env python3
"""Every message that was answered with 250 is in its mailbox exactly once, byte for byte, whoever dies meanwhile.

Many SMTP sessions send while job_controller, an smtpd worker and imapd are killed with -9. Each try to send a
message carries a number of its own. A try that was answered 250 must be there once; one whose answer was lost with
its connection may be there once (nobody can know), and the message is sent again as another try.

    WAXWING_MESSAGES=20000 WAXWING_USERS=1000 t/system/test_exactly_once.py        the long form
"""
import concurrent.futures
import itertools
import os
import random
import re
import signal
import smtplib
import threading

import waxwing

MESSAGES = int(os.environ.get('WAXWING_MESSAGES', '1500'))
USERS = int(os.environ.get('WAXWING_USERS', '50'))
SESSIONS = 20
PER_CONNECTION = 50


def body_of(number):
    """About 4 KB that differ for each message, with everything that transport is fond of breaking."""
    dice = random.Random(number)
    lines = ['.', '..', '.leading dot', 'From the start of a line', 'trailing blanks   ', '\ttab', '']
    while sum(map(len, lines)) < 4000:
        lines.append(''.join(dice.choice('abcdefghij klmnopqrstuvwxyz.,') for _ in range(dice.randrange(0, 78))))
    return '\r\n'.join(lines) + '\r\n'


def message_of(number, attempt):
    return (f'From: sender{number % 7}@elsewhere.test\r\nTo: <{user_of(number)}>\r\nSubject: number {number}\r\n'
            f'Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}.{attempt}@elsewhere.test>\r\n'
            f'X-Attempt: {attempt}\r\n\r\n{body_of(number)}')


def user_of(number):
    return f'user{number % USERS + 1:04d}@example.test'


class Sender:
    """Sends numbers from a common counter until there are none left."""

    def __init__(self, box, numbers, attempts):
        self.box, self.numbers, self.attempts = box, numbers, attempts
        self.accepted, self.unknown = {}, {}  # attempt -> number
        self.lost_connections = 0

    def run(self):
        try:
            for number in self.numbers:
                while not self.send(number):
                    pass
        except BaseException:
            self.numbers.give_up()
            raise
        self.hang_up()
        return self

    client, sent_here = None, 0

    def hang_up(self):
        if self.client:
            try:
                self.client.quit()
            except (OSError, smtplib.SMTPException):
                pass
        self.client, self.sent_here = None, 0

    def connected(self):
        if self.client and self.sent_here >= PER_CONNECTION:
            self.hang_up()
        if not self.client:
            try:
                self.client = self.box.smtp()
                self.client.ehlo()
            except (OSError, smtplib.SMTPException):
                self.client = None
        return self.client

    def send(self, number):
        client = self.connected()
        if client is None:
            return False
        attempt = next(self.attempts)
        text = message_of(number, attempt)
        try:
            for code, answer in (client.mail('sender@elsewhere.test'), client.rcpt(user_of(number))):
                if code != 250:
                    client.rset()
                    if code >= 500:
                        raise AssertionError(f'refused for ever: {code} {answer}')
                    return False
        except (OSError, smtplib.SMTPException):
            return self.broken()
        try:
            code, answer = client.data(text)
        except (OSError, smtplib.SMTPException):
            self.unknown[attempt] = number  # the answer died with the connection
            return self.broken()
        if code == 250:
            self.accepted[attempt] = number
            self.sent_here += 1
            return True
        if code >= 500:
            raise AssertionError(f'refused for ever: {code} {answer}')
        return False

    def broken(self):
        self.lost_connections += 1
        try:
            self.client.close()
        except OSError:
            pass
        self.client = None
        return False


class Numbers:
    """The numbers to send, shared by all senders; tells when half is out."""

    def __init__(self, count):
        self.lock, self.next, self.count = threading.Lock(), 0, count
        self.marks = {n: threading.Event() for n in (count // 5, count // 2, count * 3 // 4)}

    def __iter__(self):
        return self

    def give_up(self):
        self.next = self.count
        for mark in self.marks.values():
            mark.set()

    def __next__(self):
        with self.lock:
            number, self.next = self.next, self.next + 1
        if number in self.marks:
            self.marks[number].set()
        if number >= self.count:
            raise StopIteration
        return number


def a_worker_of(pid):
    """One child of the dispatcher."""
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        children = f.read().split()
    return int(children[0]) if children else None


def fetch_all(box, number):
    """{attempt: [message bytes, ...]} of one user's INBOX."""
    login = user_of(number - 1)
    client = box.imap(login, f'pass{number:04d}', tls=False)
    found = []
    try:
        status, data = client.select('INBOX', readonly=True)
        if status == 'OK' and int(data[0]):
            status, parts = client.fetch('1:*', '(BODY.PEEK[])')
            assert status == 'OK', parts
            found = [part[1] for part in parts if isinstance(part, tuple)]
    finally:
        client.logout()
    return found


class ExactlyOnce(waxwing.TestCase):
    @classmethod
    def setUpClass(cls):
        box = waxwing.start_shared()
        box.command('commadmin', 'user', 'create', '--count', USERS, '--pattern', 'user%04d', '--password-pattern',
                    'pass%04d')

    def kill_during(self, numbers):
        """The three deaths, at a fifth, a half and three quarters of the way."""
        for mark, victim in zip(sorted(numbers.marks), ('job_controller', 'smtpd', 'imapd')):
            if not numbers.marks[mark].wait(600):
                raise waxwing.Late(f'{mark} messages were never sent')
            if victim == 'smtpd':
                worker = a_worker_of(self.box.pid('dispatcher'))
                if worker:
                    os.kill(worker, signal.SIGKILL)
            else:
                old = self.box.kill(victim)
                self.box.wait_running(victim, other_than=old)

    def test_every_accepted_message_is_there_once_and_unchanged(self):
        numbers, attempts = Numbers(MESSAGES), itertools.count(1)
        with concurrent.futures.ThreadPoolExecutor(SESSIONS + 1) as pool:
            killer = pool.submit(self.kill_during, numbers)
            senders = [pool.submit(Sender(self.box, numbers, attempts).run) for _ in range(SESSIONS)]
            done = [job.result() for job in senders]
            killer.result()
        accepted = {a: n for s in done for a, n in s.accepted.items()}
        unknown = {a: n for s in done for a, n in s.unknown.items()}
        self.assertEqual(sorted(accepted.values()), list(range(MESSAGES)))
        self.assertGreater(sum(s.lost_connections for s in done), 0, 'the dead worker was not noticed by anybody')

        self.box.wait_queue_empty(deadline=10 * waxwing.DEADLINE)
        seen = {}
        for user in range(1, USERS + 1):
            for raw in fetch_all(self.box, user):
                attempt = int(re.search(rb'^X-Attempt: (\d+)\r$', raw, re.M).group(1))
                self.assertNotIn(attempt, seen, f'try {attempt} is there twice')
                seen[attempt] = user
                number = accepted.get(attempt, unknown.get(attempt))
                self.assertIsNotNone(number, f'try {attempt} was never sent')
                self.assertEqual(user_of(number), user_of(user - 1), 'in the wrong mailbox')
                wanted = message_of(number, attempt).encode()
                self.assertEqual(raw[-len(wanted):], wanted, f'try {attempt} was changed on the way')
                trace = raw[:-len(wanted)].decode()
                for line in re.split(r'\r\n(?![ \t])', trace.rstrip('\r\n')):
                    self.assertRegex(line, r'^(Return-Path|Received|Delivered-To):', 'more than trace fields was added')
        self.assertEqual(set(accepted) - set(seen), set(), 'accepted and lost')
        print(f'{len(accepted)} accepted and each there once; {len(set(unknown) & set(seen))} of {len(unknown)} without an '
              f'answer there; {sum(s.lost_connections for s in done)} connections lost', flush=True)


if __name__ == '__main__':
    waxwing.main()
