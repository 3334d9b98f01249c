#!/usr/bin/env python3
"""make demo: a private server, two users, one message from the first to the second, and what happened to it.

    demo.py STAGE DIR          make (or reuse) the instance in DIR, start it, send and read a message, explain
    demo.py --stop STAGE DIR   stop it; the folder stays, and the next run takes seconds
"""
import email.message
import email.policy
import email.utils
import imaplib
import os
import poplib
import pwd
import re
import shlex
import shutil
import smtplib
import ssl
import subprocess
import sys
import time

import ports

USERS = [('alice', 'alice-secret', 'Alice Demo'), ('bob', 'bob-secret', 'Bob Demo')]
DOMAIN = 'example.test'
DEADLINE = 30


class Failed(Exception):
    """Something that the one who runs the demo has to know."""


def say(text=''):
    print(text, flush=True)


def step(text):
    say(f'\n== {text}')


def run(command, quiet=False, **more):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', **more)
    if result.stdout and (result.returncode != 0 or not quiet):
        say(result.stdout.rstrip())
    if result.returncode != 0:
        raise Failed(f'{os.path.basename(command[0])} {" ".join(command[1:3])} failed; what it said is above')
    return result.stdout


def owner(path):
    """Who owns path, or the folder above it that hides it from us; None: nothing is there."""
    while True:
        try:
            return os.stat(path).st_uid
        except FileNotFoundError:
            return None
        except PermissionError:
            path = os.path.dirname(path)


def check_owner(folder):
    uid = owner(folder)
    if uid in (None, os.geteuid()):
        return
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    raise Failed(f'{folder} belongs to {name}: make demo and make demo-stop work for {name} only.\n'
                 f'  Run them as {name}, or as {name} stop it and remove it: make demo-stop; rm -r {shlex.quote(folder)}')


def made_in(folder):
    """Where the instance was when it was made: its files name that place."""
    out = subprocess.run(['sh', '-c', '. "$1" && printf %s "$WAXWING_ROOT"', 'sh', os.path.join(folder, 'env')],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return out.stdout


class Demo:
    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.env = {}

    def command(self, *words, **more):
        return run([os.path.join(self.folder, 'bin', words[0]), *words[1:]], **more)

    # ---- the instance ----
    def provide(self, stage):
        step(f'An instance in {self.folder}')
        check_owner(self.folder)
        if os.path.exists(os.path.join(self.folder, 'env')):
            if made_in(self.folder) != self.folder:
                raise Failed(f'it was made as {made_in(self.folder)} and works only there.\n  Move it back, or begin '
                             f'anew: make demo-stop; rm -r {shlex.quote(self.folder)}; make demo')
            say('  is there from an earlier run')
        else:
            if os.path.exists(self.folder):  # an earlier run was cut short: nothing in it is worth keeping
                shutil.rmtree(self.folder)
            run([os.path.join(stage, 'bin', 'configure'), '--sandbox', self.folder, '--domain', DOMAIN,
                 '--port-base', str(ports.free_base())])
        out = subprocess.run(['sh', '-c', '. "$1" && env -0', 'sh', os.path.join(self.folder, 'env')], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
        self.env = dict(pair.split('=', 1) for pair in out.split('\0') if '=' in pair)

    def port(self, name):
        return int(self.env[name + '_PORT'])

    def start(self):
        step('All services (start-msg)')
        try:
            self.command('start-msg')
        except Failed:
            again = f'make demo-stop; rm -r {shlex.quote(self.folder)}; make demo'
            raise Failed('not all services run; why is said above.\n  Mend it and say make demo again; make demo-stop ends what runs.\n'
                         f'  Where somebody else has a port: {again} chooses others.') from None

    def provide_users(self):
        step('Two users in the directory (commadmin)')
        for uid, password, name in USERS:
            out = subprocess.run([os.path.join(self.folder, 'bin', 'commadmin'), 'user', 'search', '--uid', uid],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if out.returncode == 0 and f'{uid}@{DOMAIN}' in out.stdout:
                say(f'  {uid}@{DOMAIN} is there')
                continue
            first, last = name.split()
            self.command('commadmin', 'user', 'create', '--uid', uid, '--password', password, '--first', first,
                         '--last', last,
                         quiet=True)
            say(f'  {uid}@{DOMAIN} made, password {password}')

    # ---- one message ----
    def tls(self):
        return ssl.create_default_context(cafile=self.env['CA_FILE'])

    def send(self):
        (sender, password, name), (recipient, _, other) = USERS
        step(f'{name} sends {other} a message: submission on port {self.port("SUBMIT")}, STARTTLS, AUTH')
        message = email.message.EmailMessage()
        message['From'] = f'{name} <{sender}@{DOMAIN}>'
        message['To'] = f'{other} <{recipient}@{DOMAIN}>'
        message['Subject'] = 'Hello from the demo'
        message['Date'] = email.utils.formatdate(localtime=True)
        message['Message-ID'] = email.utils.make_msgid('demo', DOMAIN)
        message.set_content('Dear Bob,\n\nthis went by submission, a durable queue and a channel\nprogram into your mailbox.\n\nAlice\n')
        with smtplib.SMTP('127.0.0.1', self.port('SUBMIT'), local_hostname='laptop.example.test', timeout=DEADLINE) as client:
            client.starttls(context=self.tls())
            say(f'  TLS:    {client.sock.version()}, {client.sock.cipher()[0]}')
            client.login(f'{sender}@{DOMAIN}', password)
            say(f'  login:  {sender}@{DOMAIN}')
            client.mail(f'{sender}@{DOMAIN}')
            client.rcpt(f'{recipient}@{DOMAIN}')
            code, answer = client.data(message.as_bytes(policy=email.policy.SMTP))
            say(f'  answer: {code} {answer.decode()}')
            if code != 250:
                raise Failed('the message was not accepted')
            qid = re.search(r'queued as (\S+)', answer.decode())
        return message['Message-ID'], qid.group(1) if qid else ''

    def read_by_imap(self, message_id):
        uid, password, name = USERS[1]
        step(f'{name} reads it by IMAP: port {self.port("IMAPS")} (TLS)')
        client = imaplib.IMAP4_SSL('127.0.0.1', self.port('IMAPS'), ssl_context=self.tls(), timeout=DEADLINE)
        client.login(f'{uid}@{DOMAIN}', password)
        numbers, end = [], time.monotonic() + DEADLINE
        client.select('INBOX')
        while not numbers:
            numbers = client.search(None, 'HEADER', 'Message-ID', message_id)[1][0].split()
            if time.monotonic() > end:
                raise Failed(f'the message has not come within {DEADLINE} s; see {self.folder}/log')
            if not numbers:
                time.sleep(0.02)
                client.noop()
        data = client.fetch(numbers[0], '(UID FLAGS RFC822.SIZE BODY.PEEK[])')[1]
        text = data[0][1].decode('utf-8', 'replace')
        say('  ' + data[0][0].decode('utf-8', 'replace').split('BODY[]')[0] + '...')
        for line in text.splitlines():
            say('  | ' + line)
        client.logout()

    def read_by_pop(self, message_id):
        uid, password, name = USERS[1]
        step(f'and by POP3: port {self.port("POPS")} (TLS)')
        client = poplib.POP3_SSL('127.0.0.1', self.port('POPS'), context=self.tls(), timeout=DEADLINE)
        client.user(f'{uid}@{DOMAIN}')
        client.pass_(password)
        count, size = client.stat()
        say(f'  STAT: {count} messages, {size} bytes')
        for number in range(count, 0, -1):
            head = b'\n'.join(client.top(number, 0)[1]).decode('utf-8', 'replace')
            if message_id in head:
                lines = client.retr(number)[1]
                say(f'  RETR {number}: {len(lines)} lines, the same message')
                break
        else:
            raise Failed('POP3 does not show the message that IMAP showed')
        client.quit()

    # ---- what happened ----
    def log_lines(self):
        lines = []
        for name in sorted(os.listdir(os.path.join(self.folder, 'log'))):
            if name.endswith('.log'):
                with open(os.path.join(self.folder, 'log', name), errors='replace') as f:
                    lines += [line.rstrip('\n') for line in f]
        return sorted(lines)

    def explain(self, qid):
        step(f'What happened, from the logs: everything that bears the queue id {qid}')
        lines = self.log_lines()
        fields = lambda line: dict((k, v.strip('"')) for k, v in re.findall(r'(\w+)=("[^"]*"|\S*)', line))
        of = lambda event: next((line for line in lines if qid in line and f' {event} ' in line), None)
        program = lambda line: line.split(' ')[1]
        accepted, delivered = of('mta.enqueue'), of('mta.delivered')
        if accepted:
            f = fields(accepted)
            opened = next((line for line in lines if ' smtp.open ' in line and f['sid'] in line), None)
            if opened:
                say(f'  {program(opened)} got the connection from dispatcher: {fields(opened)["service"]}, session {f["sid"]}')
            say(f'  {program(accepted)} took the message on channel {f["src"]} and wrote it durably, before it answered 250, as')
            say(f'      queue/{f["file"]}   for channel {f["dst"]}, recipient {f["to"]}')
        until = delivered or '~'  # lines begin with the time: the last start before the delivery is the one
        started = next((line for line in reversed(lines)
                        if line < until and ' job.started ' in line and 'channel=ims-ms ' in line), None)
        if started:
            say(f'  {program(started)} was told of it and has {os.path.basename(fields(started)["program"])} running for that channel')
        if delivered:
            f = fields(delivered)
            say(f'  {program(delivered)} delivered it after {f["delay_ms"]} ms: {f["reply"].split(" ", 1)[1]}; the queue file is gone')
        say()
        for line in lines:
            if qid in line:
                say('  ' + line[:300])
        if not delivered:
            raise Failed(f'no log tells of the delivery; see {self.folder}/log')

    def what_next(self):
        step('What to try next')
        names = [('SMTP', 'smtp'), ('SUBMIT', 'submission, STARTTLS'), ('SUBMITS', 'submission, TLS'), ('IMAP', 'IMAP'),
                 ('IMAPS', 'IMAP, TLS'), ('POP', 'POP3'), ('POPS', 'POP3, TLS'), ('LMTP', 'LMTP')]
        for name, what in names:
            say(f'  localhost port {self.port(name)}   {what}')
        say(f'  certificate to trust: {self.env["CA_FILE"]}')
        for uid, password, _ in USERS:
            say(f'  user {uid}@{DOMAIN}   password {password}')
        say(f'  user {self.env["ADMIN_USER"]}@{DOMAIN}   password {self.env["ADMIN_PASSWORD"]}')
        say('\n  once in each shell, so that it finds the commands and their manual pages:')
        say(f'    . {shlex.quote(os.path.join(self.folder, "env"))}')
        say('\n  five commands to explore:')
        for line, what in [('start-msg --status', 'what runs'),
                           (f'imsimta test -rewrite bob@{DOMAIN}', 'where an address leads, and why'),
                           ('imsimta qm summarize', 'what waits in the queue'),
                           ('mboxutil -l', 'the mailboxes'),
                           ('commadmin user search', 'the users')]:
            say(f'    {line:<44}{what}')
        say('\n  It runs until: make demo-stop')


def stop(stage, folder):
    check_owner(folder)
    if not os.path.exists(os.path.join(folder, 'env')):  # the last that is made of an instance
        say(f'there is no demo in {folder}' + (', but the beginning of one: make demo makes it anew' if os.path.exists(folder) else ''))
        return
    # Not the instance's own link to it: that one leads nowhere when the folder was moved.
    program = os.path.join(stage, 'bin', 'stop-msg')
    if not os.path.exists(program):
        raise Failed(f'{program} is not there (after make clean?); say make stage, then make demo-stop')
    said = run([program, '--instance', folder])
    stopped = 'stopped' if ' stopped' in said else 'there was nothing to stop'
    say(f'{stopped}; make demo starts it again, rm -r {shlex.quote(folder)} forgets it')


def main():
    if len(sys.argv) == 4 and sys.argv[1] == '--stop':
        stop(sys.argv[2], os.path.abspath(sys.argv[3]))
        return 0
    if len(sys.argv) != 3:
        say(__doc__)
        return 2
    demo = Demo(sys.argv[2])
    demo.provide(os.path.abspath(sys.argv[1]))
    demo.start()
    demo.provide_users()
    message_id, qid = demo.send()
    demo.read_by_imap(message_id)
    demo.read_by_pop(message_id)
    demo.explain(qid)
    demo.what_next()
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (Failed, OSError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto) as problem:
        print(f'\ndemo: {problem}', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
