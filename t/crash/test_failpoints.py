#!/usr/bin/env python3
"""Dies at every failpoint in turn, in the daemon that passes it, and compares with what had been answered.

One sandbox; between two deaths nothing is cleaned up, so that every recovery works on what the ones before it
left. The list of failpoints is taken from the sources; one that the mix never passes is a failure too.

    t/crash/test_failpoints.py --long      every failpoint in every program that passes it, at several passes
"""
import collections
import glob
import os
import re
import sys
import tempfile
import time
import unittest

import frame
import model
from actor import PASSWORD, Actor, LmtpSender, LockedAccount, Sender
from model import INBOX
from outside import Outside

LONG = '--long' in sys.argv or os.environ.get('WAXWING_CRASH_LONG')
ONLY = os.environ.get('WAXWING_FAILPOINT')  # one of them
USERS = ('amy', 'bob', 'cid')

# Passed only in the recovery from a death at another one.
AFTER = {'store.index.mend': 'imapd:store.cache.write'}

# Passed only with mail that half of its recipients' host puts off.
WITH_OUTSIDE = {'queue.mark', 'queue.rename'}

# Passed by whoever comes up first after a cut of the power, whatever the mix has written before. journal.grow: when a
# segment is gone as well; stored.list.aside: when the list of mailboxes is damaged. Threads: by each program that starts
# some.
AT_START = {'journal.open', 'journal.replay', 'journal.grow', 'journal.recycle', 'journal.checkpoint',
            'journal.checkpoint.write', 'stored.list.aside', 'workers.thread', 'crew.thread', 'durable.thread'}

# So small that the mix fills one segment after the other.
SMALL_JOURNAL = {'journal.segmentbytes': 1 << 20, 'journal.segments': 2}
BULK = 6  # messages that do it
MOST_MAIL = 60  # in an INBOX, before tidy() empties it


def sources():
    """Every failpoint that is named in the sources."""
    found = set()
    for path in glob.glob('*/**/*.cc', root_dir=frame.TOP, recursive=True):
        if path.split('/')[0] not in ('t', 'build'):
            with open(os.path.join(frame.TOP, path)) as file:
                found |= set(re.findall(r'\bfailpoint\(\s*"([a-z0-9_.]+)"', file.read()))
    return found


class Mix:
    """Everything that makes something durable, in one short round."""

    def __init__(self, box, while_waiting=lambda: None, bulk=0, outside=None):
        self.box, self.while_waiting, self.bulk, self.outside = box, while_waiting, bulk, outside
        self.accounts = {user: LockedAccount(user) for user in USERS}
        self.actors = {user: Actor(box, account, user) for user, account in self.accounts.items()}
        self.sender = Sender(box, self.accounts, 'mail')
        self.lmtp = LmtpSender(box, self.accounts, 'lmtp')
        self.round = 0
        self.answered = collections.Counter()  # by operation

    def wait_queue_empty(self):
        def empty():
            if not self.box.queue_files():
                return True
            if time.monotonic() > patience:
                self.while_waiting()
            return False
        patience = time.monotonic() + 1
        frame.wait_until(empty, 'the queue to be empty', pause=0.02)

    def settled(self):
        """The queue is empty, all mail is in its mailbox: compare."""
        self.wait_queue_empty()
        for actor in self.actors.values():
            actor.look(everything=True)
        if self.outside:
            self.outside.check()
        if not any(any(account.state.values()) for account in self.accounts.values()):
            raise model.Wrong('there is nothing to compare: nobody has a message')

    def mail(self, users, sender=None):
        sender = sender or self.sender
        frame.wait_until(lambda: sender.send(users), 'a message to be accepted', pause=0.02)
        self.answered['mail' if sender is self.sender else 'lmtp'] += 1

    def some(self, actor, folder, count):
        tags = sorted(actor.account.state.get(folder, {}))
        return actor.dice.sample(tags, min(count, len(tags)))

    def do(self, actor, name, *arguments):
        """The operation, as far as the folders it needs are there; then a look when its answer was lost."""
        if [] in arguments[:2]:
            return  # no messages to do it to
        if getattr(actor, name)(*arguments):
            self.answered[name] += 1
        else:
            frame.wait_until(lambda: frame.all_running(self.box), 'all services to run', pause=0.02)
            actor.look(quiet=False)

    def run(self, with_outside=False):
        self.round += 1
        if with_outside:
            frame.wait_until(lambda: self.outside.send(self.box), 'a message for outside to be accepted', pause=0.02)
        for users in (['amy'], ['amy', 'bob', 'cid'], ['bob', 'cid'], ['amy', 'bob']):
            self.mail(users)
        for users in (['amy'], ['amy', 'bob']):
            self.mail(users, self.lmtp)
        amy = self.actors['amy']
        old, new = f'a{self.round}', f'z{self.round}'
        for folder in (old, old + '/sub', f'c{self.round}'):
            self.do(amy, 'create', folder)
        folders = lambda: amy.account.state
        self.do(amy, 'append', INBOX, ['\\Seen'])
        if old in folders():
            self.do(amy, 'append', old, [f'Key{self.round}'])
        for _ in range(self.bulk):
            if f'c{self.round}' in folders():
                self.do(amy, 'append', f'c{self.round}', [], 'bulk')
        self.settle_inbox(amy)
        if old in folders():
            self.do(amy, 'copy', INBOX, self.some(amy, INBOX, 2), old)
            if len(folders()[INBOX]) > 2:
                fresh = sorted(set(folders()[INBOX]) - set(folders()[old]))[:2]
                if fresh:
                    self.do(amy, 'move', INBOX, fresh, old)
        if folders()[INBOX]:
            self.do(amy, 'flag', INBOX, self.some(amy, INBOX, 2), '+', ['\\Flagged', 'Work'])
        if folders()[INBOX]:
            self.do(amy, 'flag', INBOX, self.some(amy, INBOX, 2), '', ['\\Answered'])
        if folders()[INBOX]:
            self.do(amy, 'expunge', INBOX, self.some(amy, INBOX, 2))
        if folders()[INBOX]:
            self.do(amy, 'expunge_by_pop', self.some(amy, INBOX, 1))
        if old in folders() and new not in folders():
            self.do(amy, 'rename', old, new)
        for folder in (f'c{self.round}', new + '/sub', new):
            if folder in folders():
                self.do(amy, 'delete', folder)
        self.mail(['cid'])

    def check_answered(self, times):
        """Every kind of operation was answered so often: what is compared was made by them."""
        wanted = {'mail': 5, 'lmtp': 2, 'expunge_by_pop': 1, 'create': 3, 'append': 2, 'copy': 1, 'move': 1, 'flag': 2, 'expunge': 1, 'rename': 1, 'delete': 3}
        short = {name: self.answered[name] for name, least in wanted.items() if self.answered[name] < least * times}
        if short:
            raise model.Wrong(f'too little was answered in {self.round} rounds: {short}')

    def tidy(self):
        """Rounds that went wrong leave folders, and some users throw no mail away: a hundred rounds later all looks at
        everything would take long. With a disk that works."""
        for actor in self.actors.values():
            for folder in sorted(set(actor.account.state) - {INBOX}, reverse=True):  # those below others first
                self.do(actor, 'delete', folder)
            tags = sorted(actor.account.state[INBOX])
            for at in range(0, len(tags) if len(tags) > MOST_MAIL else 0, 4):
                self.do(actor, 'expunge', INBOX, tags[at:at + 4])

    def settle_inbox(self, actor):
        self.wait_queue_empty()
        actor.look(quiet=False)


class Failpoints(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix='waxwing-failpoint-')
        cls.file = os.path.join(cls.folder.name, 'failpoint')
        cls.environment = {'WAXWING_FAILPOINTS': cls.file}
        cls.outside = Outside()
        cls.box = frame.set_up(USERS, PASSWORD, options=SMALL_JOURNAL, environment=cls.environment, prepare=cls.prepare)
        cls.mix = Mix(cls.box, bulk=BULK, outside=cls.outside)

    @classmethod
    def prepare(cls, box):
        """All recipients of a message but the first are left to process, which queues it anew."""
        box.edit('imta.cnf', lambda text: re.sub(r'(?m)^(tcp_local|tcp_intranet) ', r'\1 expandlimit 1 ', text))
        cls.outside.prepare(box)

    @classmethod
    def tearDownClass(cls):
        cls.box.remove()
        cls.outside.close()
        cls.folder.cleanup()

    def arm(self, text):
        with open(self.file + '.new', 'w') as file:
            file.write(text)
        os.rename(self.file + '.new', self.file)

    def fired(self):
        return not os.path.exists(self.file)

    def passed(self):
        with open(self.file + '.passed') as file:
            return {tuple(line.split()) for line in file}

    def cut_power(self, armed):
        """All are killed at once, and what they shared is gone; what they wrote is there. Then somebody dies coming up."""
        self.mix.run()
        self.box.kill_leftovers()
        try:
            os.unlink(os.path.join(self.box.root, 'run', 'journal'))
        except FileNotFoundError:  # the last to go saw the others go and left in good order: nothing is left to replay
            frame.wait_until(self.comes_up, 'the instance to come up')
            return self.cut_power(armed)
        if 'journal.grow' in armed:
            os.unlink(os.path.join(self.box.root, 'journal', 'segment.01'))
        if 'stored.list.aside' in armed:
            self.damage_list()
        self.arm(armed)
        frame.wait_until(self.comes_up, 'the instance to come up')

    def damage_list(self):
        """The list of mailboxes is gone bad, and is made again of the mailboxes."""
        folder = os.path.join(self.box.root, 'store', 'mboxlist')
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), 'r+b') as file:
                file.write(b'rot ' * (os.path.getsize(file.name) // 4))

    def comes_up(self):
        words = [os.path.join(self.box.root, 'bin', 'start-msg')]
        return self.box.run(words, check=False, env={**self.box.env, **self.environment}).returncode == 0

    def die_at(self, text, patience):
        """A round with this failpoint armed; answers whether somebody died."""
        point = text.partition('=')[0].rpartition(':')[2]
        if point in AT_START:
            self.cut_power(text)
        else:
            self.arm(text)
        self.mix.run(with_outside=point in WITH_OUTSIDE)
        try:  # what happens in the background: the purge, the mark after the last delivery
            frame.wait_until(self.fired, text, deadline=patience)
            died = True
        except frame.Late:
            died = False
            try:
                os.unlink(self.file)
            except FileNotFoundError:
                died = True
        frame.wait_all_running(self.box)
        self.mix.settled()
        return died

    def test_die_at_each(self):
        self.mix.run(with_outside=True)
        self.mix.settled()
        self.mix.check_answered(1)
        seldom = sources() - {point for _, point in self.passed()} - set(AFTER)
        points = sorted(sources())
        died = {}
        for point in [ONLY] if ONLY else points:
            begun = time.monotonic()
            with self.subTest(point):
                before = f'{AFTER[point]}=exit@1\n' if point in AFTER else ''
                died[point] = self.die_at(f'{before}{point}=exit@1', 1 if point in seldom and not LONG else 4)
                print(f'  {point:<28} {"died" if died[point] else "was not passed"}, '
                      f'{time.monotonic() - begun:.1f} s', flush=True)
        frame.check_indexes(self.box, self.mix.accounts.values())
        self.mix.check_answered(self.mix.round / 2)
        if not ONLY:
            self.assertGreater(sum(died.values()), len(died) / 2, 'most failpoints were not passed')
        if LONG:
            self.long_form()
        self.assertEqual(frame.crashes(self.box), [])
        missed = [point for point, fired in died.items() if not fired]
        if missed:
            print('nobody died at', *missed, flush=True)
        self.assertEqual(missed if LONG else sorted(WITH_OUTSIDE.intersection(missed)), [], 'nobody died at these')
        passed = {point for _, point in self.passed()}
        self.assertEqual([] if ONLY else sorted(sources() - passed), [], 'the mix does not pass these')

    def long_form(self):
        for program, point in sorted(self.passed()):
            for at in (1, 2, 3, 5, 8):
                died = False
                with self.subTest(f'{program} {point} {at}'):
                    died = self.die_at(f'{program}:{point}=exit@{at}', 2)
                    print(f'  {program:<14} {point:<28} pass {at}: {"died" if died else "not passed"}', flush=True)
                    frame.check_indexes(self.box, self.mix.accounts.values())
                if not died:
                    break


if __name__ == '__main__':
    sys.argv = [a for a in sys.argv if a != '--long']
    unittest.main(verbosity=2)
