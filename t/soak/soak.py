#!/usr/bin/env python3
"""Mixed load on a sandbox for a while, and what each daemon holds meanwhile: make soak MINUTES=30

Prints, every so often, private memory (RssAnon) and open descriptors of every daemon; at the end what they had after a
third of the time and what they have now, in a quiet moment each. A daemon that holds clearly more has a leak: exit 1. So it is
when a kind of work was never done, or was refused or broken off more often than done.
"""
import argparse
import imaplib
import os
import poplib
import random
import re
import smtplib
import sys
import threading
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 't', 'system'))
import lmtp_client
import waxwing

USERS = 20
GROWN_KIB, GROWN_SHARE, GROWN_DESCRIPTORS = 4096, 1.25, 8  # more than this is a leak


def message(size):
    return (f'From: soak@example.test\r\nTo: all@example.test\r\nSubject: soak {random.random()}\r\n'
            f'Message-ID: <{random.random()}@soak.test>\r\n\r\n' + 'some words in a line of text\r\n' * (size // 30))


def login():
    n = random.randint(1, USERS)
    return f'soak{n}@example.test', f'pass{n}'


def send(box):
    user, _ = login()
    with box.smtp() as client:
        for _ in range(random.randint(1, 5)):
            client.sendmail('soak@example.test', [user, login()[0]], message(random.choice((300, 4000, 100000))))


def submit(box):
    client = box.submit(*login())
    client.sendmail('soak@example.test', [login()[0]], message(2000))
    client.quit()


def read(box):
    client = box.imap(*login(), tls=random.random() < 0.5)
    client.select('INBOX')
    client.search(None, 'SUBJECT', '"soak"')
    client.uid('FETCH', '1:*', '(FLAGS ENVELOPE BODYSTRUCTURE)')
    client.uid('FETCH', '1:*', '(BODY.PEEK[])' if random.random() < 0.2 else '(BODY[TEXT]<0.100>)')
    client.uid('STORE', '1:*', '+FLAGS', r'(\Deleted kept)')
    client.append('Copies', None, None, message(500).encode())
    client.uid('COPY', '1:*', 'Copies')
    client.expunge()
    client.list()
    client.select('Copies')
    client.uid('STORE', '1:*', '+FLAGS.SILENT', r'(\Deleted)')
    client.close()
    client.logout()


def idle(box):
    client = box.imap(*login(), tls=False)
    client.select('INBOX')
    client.send(b'x IDLE\r\n')
    client.readline()
    client.send(b'DONE\r\n')
    client.shutdown()  # without a word: that is how most sessions end


def pop(box):
    client = box.pop(*login(), tls=random.random() < 0.5)
    count = client.stat()[0]
    for n in range(1, min(count, 5) + 1):
        client.retr(n)
        client.dele(n)
    client.quit()


def lmtp(box):
    client = lmtp_client.Lmtp(box.port('LMTP'))
    client.say('MAIL FROM:<soak@example.test>')
    client.say(f'RCPT TO:<{login()[0]}>')
    client.say('DATA')
    client.socket.sendall((message(1000) + '.\r\n').encode())
    client.reply()
    client.socket.close()


def misbehave(box):
    """Clients that break off, talk nonsense or have the wrong password."""
    with box.smtp() as client:
        client.docmd('MAIL FROM:<soak@example.test>')
        client.docmd('RCPT TO:<nobody@example.test>')
        client.docmd('NONSENSE')
        client.sock.close()
    try:
        box.imap(login()[0], 'wrong')
    except imaplib.IMAP4.error:
        pass


class Load:
    def __init__(self, box):
        self.box, self.counts, self.errors = box, {}, {}
        self.lock, self.over, self.go = threading.Lock(), False, threading.Event()
        self.busy, self.last_error = 0, ''
        self.jobs = (send, send, submit, read, read, idle, pop, lmtp, misbehave)
        self.threads = [threading.Thread(target=self.work, args=(job,), daemon=True) for job in self.jobs]

    def work(self, job):
        while not self.over:
            self.go.wait()
            with self.lock:
                self.busy += 1
            try:
                job(self.box)
                outcome = self.counts
            except (OSError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto, EOFError):
                outcome = self.errors
                self.last_error = f'{job.__name__}: {traceback.format_exc(limit=-1)}'
            with self.lock:
                self.busy -= 1
                outcome[job.__name__] = outcome.get(job.__name__, 0) + 1

    def quiet(self):
        """Nobody is at work and nothing is under way."""
        self.go.clear()
        waxwing.wait_until(lambda: self.busy == 0, 'the load to pause', 120)
        self.box.wait_queue_empty(deadline=300)


def holdings(root):
    """{daemon: (KiB of private memory, descriptors)}; processes of one name are added up, with their number."""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                words = file.read().decode(errors='replace').split('\0')
            if not any(w == root or w.startswith(root + '/') for w in words):
                continue
            with open(f'/proc/{pid}/status') as file:
                kib = int(re.search(r'RssAnon:\s+(\d+)', file.read()).group(1))
            descriptors = len(os.listdir(f'/proc/{pid}/fd'))
        except (OSError, AttributeError):
            continue
        named = words.index('--as') + 1 if '--as' in words else 0
        had = found.get(os.path.basename(words[named]), (0, 0, 0))
        found[os.path.basename(words[named])] = (had[0] + kib, had[1] + descriptors, had[2] + 1)
    return found


def show(title, found):
    print(f'{title:>8}  ' + '  '.join(f'{name}{f"×{n}" if n > 1 else ""} {kib / 1024:.1f}M/{fds}'
                                      for name, (kib, fds, n) in sorted(found.items())), flush=True)


def leaks(early, late):
    for name, (kib, fds, n) in sorted(late.items()):
        was_kib, was_fds, was_n = early.get(name, (kib, fds, n))
        kib, fds, was_kib, was_fds = kib / n, fds / n, was_kib / was_n, was_fds / was_n  # of one process
        if kib > was_kib * GROWN_SHARE + GROWN_KIB or fds > was_fds + GROWN_DESCRIPTORS:
            yield f'{name}: {was_kib:.0f} KiB, {was_fds:.0f} descriptors; now {kib:.0f} KiB, {fds:.0f} descriptors'


def undone(counts, errors, jobs):
    for name in sorted(jobs):
        if counts.get(name, 0) <= errors.get(name, 0):
            yield f'{name}: done {counts.get(name, 0)} times, refused or broken off {errors.get(name, 0)} times'


def main():
    parser = argparse.ArgumentParser(description='Mixed load on a sandbox; prints memory and descriptors.')
    parser.add_argument('--minutes', type=float, default=30)
    options = parser.parse_args()
    box = waxwing.Sandbox(name='soak')
    try:
        box.start()
        box.command('commadmin', 'user', 'create', '--count', USERS, '--pattern', 'soak%d', '--password-pattern',
                    'pass%d')
        return run(box, options.minutes * 60)
    finally:
        box.remove()


def run(box, seconds):
    for n in range(1, USERS + 1):
        client = box.imap(f'soak{n}@example.test', f'pass{n}', tls=False)
        client.create('Copies')
        client.logout()
    load = Load(box)
    for thread in load.threads:
        thread.start()
    began, early = time.monotonic(), None
    load.go.set()
    while (passed := time.monotonic() - began) < seconds:
        time.sleep(min(max(seconds / 20, 5), max(seconds - passed, 0.1)))
        if early is None and time.monotonic() - began > seconds / 3:
            load.quiet()
            early = holdings(box.root)
            show('quiet', early)
            load.go.set()
        else:
            show(f'{time.monotonic() - began:.0f} s', holdings(box.root))
    load.quiet()
    late = holdings(box.root)
    show('quiet', late)
    load.over = True
    print('done:', load.counts, '; refused or broken off:', load.errors)
    if load.errors:
        print(load.last_error)
    found = list(leaks(early or late, late))
    print('\n'.join(found) or 'no daemon holds more than it did')
    failed = list(undone(load.counts, load.errors, {job.__name__ for job in load.jobs}))
    print('\n'.join(failed) or 'every kind of work was done')
    return 1 if found or failed else 0


if __name__ == '__main__':
    sys.exit(main())
