#!/usr/bin/env python3
"""Load while a random daemon is killed with -9 every two seconds: nothing lost, nothing twice, nothing stuck.

    t/crash/test_storm.py --minutes 30 [--seed N] [--users N]      the long form; the short one takes 15 s
"""
import argparse
import os
import random
import signal
import sys
import threading
import traceback
import unittest

import frame
from actor import PASSWORD, Actor, LockedAccount, Sender
from model import INBOX, Wrong

OPTIONS = argparse.Namespace(seconds=15.0, every=2.0, users=6, senders=4,
                             seed=int(os.environ.get('WAXWING_SEED', random.randrange(1 << 30))))
VICTIMS = ('stored', 'job_controller', 'dispatcher', 'imapd', 'popd', 'worker of dispatcher',
           'worker of job_controller')
MOST_PER_FOLDER = 60


class Storm:
    def __init__(self, box, users, seed, senders, most_waiting=400):
        self.box, self.dice = box, random.Random(seed)
        self.accounts = {user: LockedAccount(user) for user in users}
        self.actors = [Actor(box, account, f'{seed} {user}') for user, account in self.accounts.items()]
        self.senders = [Sender(box, self.accounts, f's{n}') for n in range(senders)]
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
            return actor.expunge(folder, some)
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
            try:
                name, pid = self.victim()
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    self.kills[name] = self.kills.get(name, 0) + 1
            except (OSError, ValueError):
                pass  # nobody there just now
            if any(state == 'failed' for state, _ in self.box.status().values()):
                self.box.command('start-msg', check=False)

    def blow(self, seconds, every):
        threads = [self.guard(lambda s=s: self.send(s)) for s in self.senders]
        threads += [self.guard(lambda a=a: self.read(a)) for a in self.actors]
        threads.append(self.guard(lambda: self.kill(every)))
        for thread in threads:
            thread.start()
        self.over.wait(seconds)
        self.over.set()
        for thread in threads:
            thread.join()
        if self.problems:
            raise Wrong('\n'.join(self.problems))

    def compare(self):
        frame.wait_all_running(self.box)
        # A unit that was in the hands of several programs that died waits some minutes by itself.
        self.box.command('start-msg', '--restart', 'job_controller')
        frame.wait_until(lambda: not self.box.queue_files(), 'the queue to be empty', deadline=120)
        for actor in self.actors:
            actor.look(everything=True)
        frame.check_indexes(self.box, self.accounts.values())

    def report(self):
        count = lambda people, what: sum(getattr(p, what) for p in people)
        return (f'{count(self.senders, "accepted")} messages accepted, {count(self.senders, "lost")} without an answer, '
                f'{count(self.senders, "refused")} refused for a time; {count(self.actors, "done")} changes by IMAP, '
                f'{count(self.actors, "lost")} without an answer, {count(self.actors, "refused")} refused for a time, '
                f'{count(self.actors, "late")} looks before all was shown; killed: {", ".join(f"{n} {k}" for k, n in sorted(self.kills.items()))}')


class KillStorm(unittest.TestCase):
    def test_nothing_is_lost_or_twice_or_stuck(self):
        users = [f'user{n}' for n in range(OPTIONS.users)]
        box = frame.set_up(users, PASSWORD)
        self.addCleanup(box.remove)
        storm = Storm(box, users, OPTIONS.seed, OPTIONS.senders)
        try:
            storm.blow(OPTIONS.seconds, OPTIONS.every)
            storm.compare()
        except BaseException:
            print(f'seed {OPTIONS.seed}; logs in {box.root}/log', flush=True)
            raise
        self.assertEqual(frame.crashes(box), [])
        print(storm.report(), flush=True)
        self.assertGreater(sum(storm.kills.values()), 0)


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
