#!/usr/bin/env python3
"""Load while a random daemon is killed with -9 every two seconds: nothing lost, nothing twice, nothing stuck.

The watcher dies too; start-msg brings it back two seconds later, and one more daemon dies while nobody watches. In the
end the job controller must empty the queue without being started again, so that what is stuck in its memory shows. What
would come later by itself, another try and a look at the tree, is asked for with imsimta, or it would take half an hour.

The seed chooses who is killed and what is done; threads are never scheduled twice alike, and no seed repeats a storm.

    t/crash/test_storm.py --minutes 30 [--seed N] [--users N]      the long form; the short one takes 15 s
"""
import argparse
import os
import random
import signal
import sys
import threading
import time
import traceback
import unittest

import frame
from actor import PASSWORD, Actor, LmtpSender, LockedAccount, Sender
from model import INBOX, Wrong

OPTIONS = argparse.Namespace(seconds=15.0, every=2.0, users=6, senders=4,
                             seed=int(os.environ.get('WAXWING_SEED', random.randrange(1 << 30))))
VICTIMS = ('stored', 'job_controller', 'dispatcher', 'imapd', 'popd', 'worker of dispatcher',
           'worker of job_controller', 'watcher', 'metermaid', 'slapd')
MOST_PER_FOLDER = 60
LEAST_A_SECOND = 1  # messages accepted, messages delivered, changes answered


class Storm:
    def __init__(self, box, users, seed, senders, most_waiting=400):
        self.box, self.dice = box, random.Random(seed)
        self.accounts = {user: LockedAccount(user) for user in users}
        self.actors = [Actor(box, account, f'{seed} {user}') for user, account in self.accounts.items()]
        self.senders = [Sender(box, self.accounts, f's{n}') for n in range(senders)]
        self.senders.append(LmtpSender(box, self.accounts, 'lmtp'))
        self.over, self.problems, self.kills = threading.Event(), [], {}
        self.most_waiting = most_waiting

    # ---- threads ----
    def guard(self, work):
        def run():
            try:
                work()
            except BaseException:
                self.problems.append(traceback.format_exc())
                self.over.set()
        return threading.Thread(target=run)

    def send(self, sender):
        dice = random.Random(f'{sender.prefix} {self.dice.random()}')
        users = sorted(self.accounts)
        while not self.over.is_set():
            if not sender.send(sorted(dice.sample(users, dice.choice((1, 1, 1, 2, 3))))):
                self.over.wait(0.05)
            if sender.accepted % 20 == 19:
                sender.close()
            while not self.over.is_set() and self.is_crowded():
                self.over.wait(0.05)

    def is_crowded(self):
        """More has come than is taken away. A look at everything a user has must fit between two deaths of imapd."""
        inboxes = [len(account.state[INBOX]) for account in self.accounts.values()]
        return max(inboxes) > 2 * MOST_PER_FOLDER or sum(len(a.must) for a in self.accounts.values()) > self.most_waiting

    def read(self, actor):
        while not self.over.is_set():
            for _ in range(12):
                if not self.over.is_set() and not self.step(actor):
                    break
            actor.look(quiet=False)

    def step(self, actor):
        """One random change; False when its answer was lost."""
        dice, state = actor.dice, actor.account.state
        folder = dice.choice(sorted(state))
        tags = sorted(state[folder])
        some = sorted(dice.sample(tags, min(len(tags), dice.choice((1, 1, 2, 3)))))
        action = dice.choice(('append', 'flag', 'flag', 'copy', 'move', 'expunge', 'folder'))
        if len(tags) > MOST_PER_FOLDER:
            action, some = 'expunge', tags[:4]  # few: without an answer any part of them may be gone
        if action == 'append':
            return actor.append(folder, dice.sample(('\\Seen', '\\Flagged', 'Work'), dice.randrange(3)))
        if action == 'folder':
            return self.change_folders(actor)
        if not some:
            return True
        if action == 'flag':
            return actor.flag(folder, some, dice.choice('+- ').strip(), dice.sample(
                ('\\Seen', '\\Flagged', '\\Answered', 'Work', 'Play'), 2))
        if action == 'expunge':
            by_pop = folder == INBOX and dice.random() < 0.3
            return actor.expunge_by_pop(some) if by_pop else actor.expunge(folder, some)
        others = [f for f in sorted(state) if f != folder]
        target = dice.choice(others) if others else None
        some = [tag for tag in some if target and tag not in state[target]]
        # Into the INBOX only by mail: what comes back there could not be told from a second delivery.
        return not some or target == INBOX or getattr(actor, action)(folder, some, target)

    def change_folders(self, actor):
        dice, state = actor.dice, actor.account.state
        names = [f for f in sorted(state) if f != INBOX]
        what = dice.choice(('create', 'rename', 'delete'))
        if what == 'create' or not names:
            fresh = dice.choice(('one', 'two', 'three', 'one/below', 'two/below'))
            return fresh in state or actor.create(fresh)
        folder = dice.choice(names)
        if what == 'delete':
            return any(f.startswith(folder + '/') for f in names) or actor.delete(folder)
        target = dice.choice(('four', 'five', 'four/deep'))
        taken = any(f == target or f.startswith(target + '/') or target.startswith(f + '/') for f in names)
        return taken or actor.rename(folder, target)

    # ---- the killer ----
    def victim(self):
        name = self.dice.choice(VICTIMS)
        if not name.startswith('worker'):
            return name, self.box.pid(name)
        workers = frame.children(self.box.pid(name.split()[-1]))
        if not workers:
            return name, None
        pid = self.dice.choice(sorted(workers))
        return workers[pid], pid

    def kill(self, every):
        while not self.over.wait(every):
            watched = bool(self.box.status())
            try:
                name, pid = self.victim()
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    self.kills[name] = self.kills.get(name, 0) + 1
            except (OSError, ValueError):
                pass  # nobody there just now
            if not watched or any(state == 'failed' for state, _ in self.box.status().values()):
                self.box.command('start-msg', check=False)

    def delivered(self):
        """How much mail from outside was seen in mailboxes."""
        theirs = tuple(f'{sender.prefix}-' for sender in self.senders)
        return sum(tag.startswith(theirs) for account in self.accounts.values() for tag in tuple(account.known))

    def lacking(self, least):
        """Of what less was answered."""
        did = {'accepted': sum(s.accepted for s in self.senders), 'delivered': self.delivered(),
               'changes': sum(a.done for a in self.actors)}
        return {what: count for what, count in did.items() if count < least}

    def blow(self, seconds, every, least=0):
        """So long, and until so much was answered."""
        threads = [self.guard(lambda s=s: self.send(s)) for s in self.senders]
        threads += [self.guard(lambda a=a: self.read(a)) for a in self.actors]
        threads.append(self.guard(lambda: self.kill(every)))
        for thread in threads:
            thread.start()
        self.over.wait(seconds)
        try:
            frame.wait_until(lambda: self.over.is_set() or not self.lacking(least), f'{least} to be answered of everything',
                             deadline=4 * frame.DEADLINE)
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        if self.problems:
            raise Wrong('\n'.join(self.problems))

    def empty_queue(self):
        """As an operator: what a server that died could not tell the job controller is found at the next look at the
        tree; mail that was in the hands of several programs that died, or for a store that was dead, waits for its time.
        Nothing here helps what is known and said to be in work, or ready."""
        def empty():
            nonlocal patience
            left = self.box.queue_files()
            if left and time.monotonic() > patience:
                patience = time.monotonic() + 5
                for channel in sorted({path.split('/')[0] for path in left}):
                    self.box.command('imsimta', 'queue', '-retry_delivery', channel)
            return not left
        patience = 0
        self.box.command('imsimta', 'cache', '-sync')
        try:
            frame.wait_until(empty, 'the queue to be empty', deadline=4 * frame.DEADLINE)
        except frame.Late as late:
            raise frame.Late(f'{late}: {self.box.queue_files()[:20]}; the job controller has\n' +
                             self.box.command('imsimta', 'cache', '-view', check=False).stdout[-4000:]) from None

    def compare(self):
        frame.wait_all_running(self.box)
        controller = self.box.pid('job_controller')
        self.empty_queue()
        if self.box.pid('job_controller') != controller:
            raise Wrong('the job controller was started again while nobody died')
        frame.wait_until(lambda: not self.box.command('imsimta', 'cache', '-view', '-json').stdout.strip(),
                         'the job controller to know of no message')
        self.box.command('imsimta', 'cache', '-walk')  # its books; says what does not agree
        for actor in self.actors:
            actor.look(everything=True)
        frame.check_indexes(self.box, self.accounts.values())

    def report(self):
        count = lambda people, what: sum(getattr(p, what) for p in people)
        return (f'{count(self.senders, "accepted")} messages accepted, {count(self.senders, "lost")} without an answer, '
                f'{count(self.senders, "refused")} refused for a time, {self.delivered()} seen; '
                f'{count(self.actors, "done")} changes by IMAP, '
                f'{count(self.actors, "lost")} without an answer, {count(self.actors, "refused")} refused for a time, '
                f'{count(self.actors, "late")} looks before all was shown; killed: {", ".join(f"{n} {k}" for k, n in sorted(self.kills.items()))}')


class KillStorm(unittest.TestCase):
    def test_nothing_is_lost_or_twice_or_stuck(self):
        users = [f'user{n}' for n in range(OPTIONS.users)]
        box = frame.set_up(users, PASSWORD)
        self.addCleanup(box.remove)
        storm = Storm(box, users, OPTIONS.seed, OPTIONS.senders)
        try:
            storm.blow(OPTIONS.seconds, OPTIONS.every, least=OPTIONS.seconds * LEAST_A_SECOND)
            storm.compare()
        except BaseException:
            print(f'seed {OPTIONS.seed}; logs in {box.root}/log', flush=True)
            raise
        self.assertEqual(frame.crashes(box), [])
        print(storm.report(), flush=True)
        self.assertGreater(sum(storm.kills.values()), OPTIONS.seconds / OPTIONS.every / 4)
        self.assertEqual(storm.lacking(OPTIONS.seconds * LEAST_A_SECOND), {}, 'too little was answered')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float)
    parser.add_argument('--seed', type=int, default=OPTIONS.seed)
    parser.add_argument('--users', type=int, default=OPTIONS.users)
    parser.add_argument('--senders', type=int, default=OPTIONS.senders)
    parser.add_argument('--every', type=float, default=OPTIONS.every, help='seconds between two deaths')
    parser.add_argument('-v', action='store_true')
    arguments = parser.parse_args()
    if arguments.minutes:
        OPTIONS.seconds = arguments.minutes * 60
    for name in ('seed', 'users', 'senders', 'every'):
        setattr(OPTIONS, name, getattr(arguments, name))
    unittest.main(argv=sys.argv[:1], verbosity=2)
