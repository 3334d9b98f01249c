"""A user at work: every kind of IMAP change, messages taken away by POP, and mail by SMTP and LMTP, each answer kept in
the model.

An answer that does not come (the connection ended, or NO for a temporary fault) leaves the operation pending;
look() then fetches everything, lets the model judge, and goes on from what is there.
"""
import imaplib
import poplib
import random
import re
import smtplib
import threading
import time

import frame
import model
from model import INBOX, Wrong

PASSWORD = 'secret'
FLAGS = ('\\Seen', '\\Flagged', '\\Answered', 'Work', 'Play')
LOST = (OSError, EOFError, imaplib.IMAP4.abort, smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError)


class Refused(Exception):
    """The server has said no; for a time."""


class Sender:
    """Mail from outside by SMTP. One message has one tag and up to three recipients."""

    def __init__(self, box, accounts, prefix, note=lambda: 0, port='SMTP'):
        self.box, self.accounts, self.prefix, self.note, self.port = box, accounts, prefix, note, port
        self.count, self.client = 0, None
        self.lost = self.accepted = self.refused = 0
        self.history = []  # (tag, users, begun, ended or None)

    def connect(self):
        if self.client is None:
            self.client = smtplib.SMTP('127.0.0.1', self.box.port(self.port), local_hostname='client.test',
                                       timeout=frame.DEADLINE)
            self.client.ehlo()
        return self.client

    def close(self):
        if self.client:
            self.client.close()
        self.client = None

    def send(self, users):
        """True when it was accepted."""
        self.count += 1
        tag = f'{self.prefix}-{self.count}'
        text = model.message_of(tag, ','.join(users))
        begun = self.note()
        for user in users:
            self.accounts[user].expect(tag, certain=False)
        outcome = self.transmit(users, text)
        if outcome == 'refused':  # 4xx to the message itself: nothing of it may come
            for user in users:
                self.accounts[user].refuse(tag)
        elif outcome == 'accepted':
            for user in users:
                self.accounts[user].expect(tag, certain=True)
        self.history.append((tag, users, begun, self.note() if outcome == 'accepted' else None, outcome))
        return outcome == 'accepted'

    def transmit(self, users, text):
        try:
            client = self.connect()
            codes = [client.mail('ann@elsewhere.test')[0]] + [client.rcpt(f'{u}@example.test')[0] for u in users]
            if any(code >= 500 for code in codes):
                raise Wrong(f'refused for ever: {codes}')
            if any(code != 250 for code in codes):
                client.rset()
                self.refused += 1
                return 'refused'
            code, answer = client.data(text)
        except (OSError, smtplib.SMTPException):
            self.close()
            self.lost += 1
            return 'lost'
        if code >= 500:
            raise Wrong(f'refused for ever: {code} {answer}')
        if code == 250:
            self.accepted += 1
            return 'accepted'
        self.refused += 1
        return 'refused'


class LmtpSender(Sender):
    """By LMTP: each recipient has an answer of its own, and what was answered is in the mailbox."""

    def connect(self):
        if self.client is None:
            self.client = smtplib.LMTP('127.0.0.1', self.box.port('LMTP'), local_hostname='client.test')
            self.client.sock.settimeout(frame.DEADLINE)
            self.client.ehlo()
        return self.client

    def send(self, users):
        """True when it was accepted for all."""
        self.count += 1
        tag = f'{self.prefix}-{self.count}'
        begun = self.note()
        for user in users:
            self.accounts[user].expect(tag, certain=False)
        outcomes = self.transmit(users, model.message_of(tag, ','.join(users)))
        for user, outcome in outcomes.items():
            if outcome == 'refused':
                self.accounts[user].refuse(tag)
            elif outcome == 'accepted':
                self.accounts[user].expect(tag, certain=True)
            self.history.append((tag, [user], begun, self.note() if outcome == 'accepted' else None, outcome))
        return set(outcomes.values()) == {'accepted'}

    def transmit(self, users, text):
        """{user: outcome}; without an answer for one user there is none for those behind him."""
        outcomes = dict.fromkeys(users, 'lost')
        try:
            client = self.connect()
            codes = [client.mail('ann@elsewhere.test')[0]] + [client.rcpt(f'{u}@example.test')[0] for u in users]
            if max(codes) >= 500:
                raise Wrong(f'refused for ever: {codes}')
            if any(code != 250 for code in codes):
                client.rset()
                self.refused += 1
                return dict.fromkeys(users, 'refused')
            for user, (code, answer) in zip(users, self.answers(client, text, len(users))):
                if code >= 500:
                    raise Wrong(f'refused for ever: {user} {code} {answer}')
                outcomes[user] = 'accepted' if code == 250 else 'refused'
        except (OSError, smtplib.SMTPException):
            self.close()
        self.accepted += 'accepted' in outcomes.values()
        self.lost += 'lost' in outcomes.values()
        self.refused += 'refused' in outcomes.values()
        return outcomes

    def answers(self, client, text, count):
        """One after the other, so that those before a lost one count. smtplib reads the first."""
        yield client.data(text)
        for _ in range(count - 1):
            yield client.getreply()


class LockedAccount(model.Account):
    """Senders and the user's own thread write to it."""

    def __init__(self, user):
        super().__init__(user)
        self.lock = threading.RLock()
        self.refused = set()

    def expect(self, tag, certain):
        with self.lock:
            if tag not in self.known:
                (self.must if certain else self.may).add(tag)

    def refuse(self, tag):
        with self.lock:
            self.may.discard(tag)
            self.refused.add(tag)


class Actor:
    def __init__(self, box, account, seed, note=lambda: 0):
        self.box, self.account, self.note = box, account, note
        self.user, self.dice = account.user, random.Random(seed)
        self.client, self.selected, self.count = None, None, 0
        self.uids = {}     # (mailbox's uidvalidity, uid) -> (tag, when it was seen): for ever the same
        self.modseqs = {}  # uidvalidity -> [(when, uidnext, highestmodseq)]: never less
        self.log = []      # (operation, begun, ended or None): for who cuts the power
        self.done = self.lost = self.refused = self.late = 0

    # ---- connection ----
    def connect(self):
        if self.client is None:
            client = imaplib.IMAP4('127.0.0.1', self.box.port('IMAP'), timeout=frame.DEADLINE)
            try:
                client.login(self.user, PASSWORD)
            except BaseException:
                client.shutdown()
                raise
            self.client, self.selected = client, None
        return self.client

    def close(self):
        if self.client:
            try:
                self.client.shutdown()
            except OSError:
                pass
        self.client = self.selected = None

    def select(self, folder):
        client = self.connect()
        if self.selected != folder:
            self.selected = None
            if client.select(quote(folder))[0] != 'OK':
                raise Refused(f'SELECT {folder}')
            self.selected = folder
        return client

    def answer(self, got):
        status, text = got
        if status == 'OK':
            return text
        words = b' '.join(t for t in text if isinstance(t, bytes))
        if status != 'NO' or not re.search(rb'UNAVAILABLE|SERVERBUG|INUSE|OVERQUOTA|LIMIT|temporar', words):
            raise Wrong(f'{self.user}: {status} {words!r} to what should have worked')
        raise Refused(words)

    # ---- one operation ----
    def perform(self, operation, run):
        """Carries it out and tells the model. False: it is pending, look() is needed."""
        with self.account.lock:
            self.account.pending = operation
        begun = self.note()
        entry = [operation, begun, None]
        self.log.append(entry)
        try:
            self.answer(run())
        except LOST:
            self.lost += 1
            self.close()
            return False
        except imaplib.IMAP4.error as error:
            if 'UNAVAILABLE' not in str(error):
                raise
            self.refused += 1
            self.close()
            return False
        except Refused:
            self.refused += 1
            return False
        entry[2] = self.note()
        self.done += 1
        with self.account.lock:
            self.account.state = operation.apply(self.account.state)
            self.account.pending = None
        return True

    def uids_in(self, folder):
        data = self.answer(self.select(folder).uid('FETCH', '1:*', '(BODY.PEEK[HEADER.FIELDS (X-TAG)])'))
        return {part[1].split()[1].decode(): re.search(rb'UID (\d+)', part[0]).group(1).decode()
                for part in data if isinstance(part, tuple)}

    def may_be_late(self):
        """What an answer spoke of, or what was seen before, is seen at once. Only a server that had to give up waiting
        for another writer's disk shows it later, and says so in its log."""
        if not frame.said(self.box, 'store.shown.late'):
            return False
        self.late += 1
        return True

    def uid_set(self, folder, tags):
        def shown():
            found = self.uids_in(folder)
            missing = [tag for tag in tags if tag not in found]
            if missing and not self.may_be_late():
                raise Wrong(f'{self.user}: {missing} of {folder} cannot be seen; there are {sorted(found)}')
            return None if missing else found
        found = frame.wait_until(shown, f'{self.user} to be shown {tags}', pause=0.05)
        return ','.join(found[tag] for tag in tags)

    def append(self, folder, flags=(), kind='own'):
        self.count += 1
        tag = f'{self.user}-{kind}-{self.count}'
        text = model.message_of(tag, self.user)
        self.account.known.add(tag)
        return self.perform(model.Append(folder, tag, flags),
                            lambda: self.connect().append(quote(folder), ' '.join(flags), None, text))

    def flag(self, folder, tags, how, flags):
        return self.perform(model.Flags(folder, tags, how, flags), lambda: self.select(folder).uid(
            'STORE', self.uid_set(folder, tags), how + 'FLAGS', f'({" ".join(flags)})'))

    def expunge(self, folder, tags):
        """Marks, then expunges: two answers."""
        if not self.flag(folder, tags, '+', ['\\Deleted']):
            return False
        return self.perform(model.Expunge(folder, tags), lambda: self.select(folder).uid(
            'EXPUNGE', self.uid_set(folder, tags)))

    def expunge_by_pop(self, tags):
        """Of the INBOX: what is deleted goes when QUIT is answered. To a session that has it open it would still be there."""
        self.leave(INBOX)
        return self.perform(model.Expunge(INBOX, tags), lambda: self.quit_without(tags))

    def quit_without(self, tags):
        try:
            client = poplib.POP3('127.0.0.1', self.box.port('POP'), timeout=frame.DEADLINE)
            try:
                client.user(self.user)
                client.pass_(PASSWORD)
                numbers = {}
                for n in range(1, client.stat()[0] + 1):
                    fields = [line.split() for line in client.top(n, 0)[1] if line.startswith(b'X-Tag: ')]
                    numbers[fields[0][1].decode()] = n
                missing = [tag for tag in tags if tag not in numbers]
                if missing and not self.may_be_late():
                    raise Wrong(f'{self.user}: {missing} cannot be seen by POP; there are {sorted(numbers)}')
                if missing:
                    return 'NO', [b'[UNAVAILABLE] not shown yet']
                for tag in tags:
                    client.dele(numbers[tag])
                client.quit()
            finally:
                client.close()
        except poplib.error_proto as error:
            text = str(error)
            if 'EOF' in text:
                raise EOFError(text) from None
            return 'NO', [(b'UNAVAILABLE ' if re.search('SYS/TEMP|IN-USE', text) else b'') + text.encode()]
        return 'OK', []

    def copy(self, source, tags, target):
        return self.perform(model.Copy(source, tags, target), lambda: self.select(source).uid(
            'COPY', self.uid_set(source, tags), quote(target)))

    def move(self, source, tags, target):
        return self.perform(model.Move(source, tags, target), lambda: self.select(source).uid(
            'MOVE', self.uid_set(source, tags), quote(target)))

    def leave(self, folder):
        if self.selected and (self.selected == folder or self.selected.startswith(folder + '/')):
            self.close()

    def create(self, folder):
        return self.perform(model.Create(folder), lambda: self.connect().create(quote(folder)))

    def delete(self, folder):
        self.leave(folder)
        return self.perform(model.Delete(folder), lambda: self.connect().delete(quote(folder)))

    def rename(self, old, new):
        self.leave(old)
        return self.perform(model.Rename(old, new), lambda: self.connect().rename(quote(old), quote(new)))

    # ---- looking ----
    def fetch_folder(self, folder):
        client = self.connect()
        self.answer(client.select(quote(folder), readonly=True))
        self.selected = None
        validity = int(client.response('UIDVALIDITY')[1][0])
        status = self.answer(client.status(quote(folder), '(MESSAGES UNSEEN UIDNEXT HIGHESTMODSEQ SIZE)'))
        numbers = {k.decode(): int(v) for k, v in re.findall(rb'([A-Z]+) (\d+)', status[0].rpartition(b'(')[2])}
        self.answer(client.select(quote(folder), readonly=True))
        messages, size, unseen = {}, 0, 0
        data = self.answer(client.uid('FETCH', '1:*', '(FLAGS RFC822.SIZE BODY.PEEK[])'))
        for head, raw in [part for part in data if isinstance(part, tuple)]:
            tag = model.identify(raw, self.user)
            if tag in messages:
                raise Wrong(f'{self.user}: {tag} is in {folder} twice')
            uid, told = (int(re.search(rb'%s (\d+)' % word, head).group(1)) for word in (b'UID', b'RFC822.SIZE'))
            flags = frozenset(re.search(rb'FLAGS \(([^)]*)\)', head).group(1).decode().split()) - {'\\Recent'}
            messages[tag] = flags
            size, unseen = size + told, unseen + ('\\Seen' not in flags)
            self.check_message(folder, validity, uid, tag, told, raw, numbers)
        # New mail may have come in between the two looks; then only what was there before can be compared.
        if len(messages) == numbers['MESSAGES'] and (unseen, size) != (numbers['UNSEEN'], numbers['SIZE']):
            raise Wrong(f'{self.user}: STATUS of {folder} is {numbers}, found {unseen} unseen, {size} octets')
        if len(messages) < numbers['MESSAGES']:
            raise Wrong(f'{self.user}: STATUS of {folder} tells of {numbers["MESSAGES"]}, {len(messages)} are there')
        seen = self.modseqs.setdefault(validity, [(0, 0, 0)])
        now = numbers['UIDNEXT'], numbers['HIGHESTMODSEQ']
        if now[0] < seen[-1][1] or now[1] < seen[-1][2]:
            raise Wrong(f'{self.user}: UIDNEXT, HIGHESTMODSEQ of {folder} went back from {seen[-1][1:]} to {now}')
        seen.append((self.note(), *now))
        return messages, size

    def check_message(self, folder, validity, uid, tag, told, raw, numbers):
        if told != len(raw):
            raise Wrong(f'{self.user}: {tag} in {folder} is said to be {told} octets, and is {len(raw)}')
        known = self.uids.setdefault((validity, uid), (tag, self.note()))[0]
        if known != tag:
            raise Wrong(f'{self.user}: UID {uid} of {folder} was {known}, is {tag}')

    def fetch_all(self):
        client = self.connect()
        names = []
        for row in self.answer(client.list()):
            text = row if isinstance(row, bytes) else b' '.join(row)
            if b'\\Noselect' not in text and b'\\NonExistent' not in text:
                names.append(re.search(rb'"/" "?(.*?)"?$', text).group(1).decode())
        found, octets = {}, 0
        for name in names:
            found[name], size = self.fetch_folder(name)
            octets += size
        found.setdefault(INBOX, {})
        return found, octets

    def wrong_quota(self, found, octets):
        data = self.answer(self.connect().getquotaroot(INBOX))
        numbers = re.search(rb'STORAGE (\d+) .*MESSAGE (\d+) ', b' '.join(x for part in data for x in part if x))
        if not numbers:
            raise Wrong(f'{self.user}: no use of the quota is told: {data}')
        kib, messages = int(numbers.group(1)), int(numbers.group(2))
        total = sum(map(len, found.values()))
        if messages == total and kib in (octets // 1024, (octets + 1023) // 1024):
            return ''
        return f'{self.user}: quota usage is {messages} messages and {kib} KiB; there are {total} and {octets} octets'

    def check_quota(self, found, octets):
        if not self.wrong_quota(found, octets):
            return
        # What a killed writer had claimed counts until the next one comes to its folder; then no more.
        for folder in found:
            self.append(folder)
        wrong = self.wrong_quota(*self.fetch_all())
        if wrong:
            raise Wrong(wrong)

    def look(self, everything=False, quiet=True):
        """Fetches everything and lets the model judge. quiet: no mail comes in meanwhile."""
        def seen():
            try:
                return self.fetch_all()
            except LOST + (Refused,):
                self.close()
                return None
            except imaplib.IMAP4.error as error:
                self.close()
                if 'UNAVAILABLE' in str(error):
                    return None
                raise
        # A delivery answers before its message is shown: it may stand behind one whose writer is not done.
        patience = time.monotonic() + 5
        while True:
            found, octets = frame.wait_until(seen, f'{self.user} to be served')
            try:
                with self.account.lock:
                    ended = self.note()
                    pending = self.account.pending
                    fresh = self.account.settle(found, everything)
                break
            except Wrong as problem:
                on_its_way = pending or isinstance(problem, model.NotThere)
                if time.monotonic() > patience or not (on_its_way or self.may_be_late()):
                    raise
                time.sleep(0.05)
        if pending and self.log and self.log[-1][0] is pending:
            self.log[-1][2] = 'unknown'
            self.log.append([model.Found(found), ended, ended])
        if fresh:
            self.log.append([model.Seen(sorted(fresh)), ended, ended])
        if quiet:
            try:
                self.check_quota(found, octets)
            except LOST + (Refused,):
                self.close()
        return found


def quote(folder):
    return f'"{folder}"'
