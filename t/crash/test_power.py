#!/usr/bin/env python3
"""The power is cut: the server comes up on every state that the disk may be in, with all that was answered.

The daemons run under load with the recorder preloaded. Then, at random points of the trace, a state of the disk is
made (disk.py), and checker brings the instance up on it under a new boot id, finishes what waits in the queue and
tells what is in the mailboxes. That must be what was answered before the cut; of what was not, all or nothing. On some
of the states start-msg starts all services first, as an operator would, and these empty the queue. Some of those who
come up first die at it, for others the disk refuses a call (recorder/), and are started again.

The daemons are told that the file system keeps names in order, whatever it does here, so that they write as on xfs,
btrfs and ext4 with its journal; test_order.py has the others. Their journals are so small that checkpoints are made
and segments used again all the time; of some recordings they are as large as they are by default.

    t/crash/test_power.py --cuts 5000 [--seed N] [--keep DIR] [--segments N]
    t/crash/test_power.py --again DIR [--cut EVENT.VARIANT]

Threads are never scheduled twice alike, so what repeats a failure is its recording: those that failed are put into
build/crash/kept, or the DIR of --keep; --again makes the same cuts of one of them again, or a single one, whose state
stays in DIR/state.
"""
import argparse
import errno
import functools
import os
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import disk
import frame
import model
from actor import PASSWORD
from model import INBOX, Wrong
from recorder import CALLS, TREES, Recorder
from test_storm import Storm

OPTIONS = argparse.Namespace(cuts=60, seconds=5.0, users=3, senders=3, cuts_a_run=600, keep=frame.KEPT, again=None, cut=None, segments=None,
                             seed=int(os.environ.get('WAXWING_SEED', random.randrange(1 << 30))))
MOST_WRONG = 20
STARTED = 15  # on one state of so many the services are started
SEGMENTS = (2, 2, 4, 0)  # of 1 MB, of one recording after the other; 0: the journal of the default options
IN_RECOVERY = ('journal.replay', 'journal.checkpoint', 'journal.checkpoint.write', 'store.index.mend', 'durable.sync',
               'store.deliver.committed', 'store.land.publish', 'store.land.link')
message_of = functools.lru_cache(None)(model.message_of)
model.message_of = message_of


class Recording:
    """One run of the daemons under load: the trace and what was answered when. Can be pickled, but for the trace."""

    def __init__(self, folder, seed, options, file_system, segments):
        self.seed, self.users, self.segments = seed, [f'user{n}' for n in range(options.users)], segments
        self.environment = {'WAXWING_TEST_FILE_SYSTEM': file_system}
        journal = {'journal.segmentbytes': 1 << 20, 'journal.segments': segments} if segments else {}
        box = frame.set_up(self.users, PASSWORD, journal, self.environment)
        try:
            box.command('stop-msg')
            recorder = Recorder(folder, box.root)
            for tree in TREES:
                os.makedirs(os.path.join(box.root, tree), exist_ok=True)
            self.disk = disk.Disk(box.root, TREES)
            frame.start(box, {**recorder.environment(trace=True), **self.environment})
            storm = Storm(box, self.users, seed, options.senders, most_waiting=30)
            for person in storm.actors + storm.senders:
                person.note = recorder.entries
            storm.blow(options.seconds, every=1e9)
            frame.wait_until(lambda: not box.queue_files(), 'the queue to be empty')
            for actor in storm.actors:
                actor.look(everything=True)
            self.busy_until = recorder.entries()  # whoever leaves makes a checkpoint
            box.command('stop-msg')
            self.warned = frame.said(box, 'journal.names')  # said by who finds himself on a disk without order
            self.trace = recorder.trace
            self.root, self.rest = box.root, os.path.join(folder, 'rest')  # all that is not on the disk of the model
            self.port_base, self.box_env = box.ports.base, box.env
            frame.keep_rest(box.root, self.rest, TREES)
        finally:
            box.remove()
        self.actors = [(a.user, a.log, a.uids, a.modseqs) for a in storm.actors]
        self.mail = [row for sender in storm.senders for row in sender.history]
        self.report = storm.report()

    def checkpoints(self):
        """How many were made while there was work. Of a disk that was prepared and is still at its beginning."""
        number = self.disk.folder.entries['journal'].entries['checkpoint']
        inode = next(inode for inode, file in self.disk.by_inode.items() if file == number)
        return sum(1 for event in self.disk.events[:self.busy_until] if event[1] == disk.WRITE and event[2] == inode)

    # ---- what must be there ----
    def account_at(self, user, log, event):
        """The model of one user at that point of the trace."""
        account = model.Account.at(user, log, event)
        for tag, users, begun, ended, outcome in self.mail:
            if user in users and begun < event and outcome != 'refused':
                account.expect(tag, ended is not None and ended <= event)
        account.must -= account.known
        account.may -= account.known
        return account


class Told:
    """What checker tells."""

    def __init__(self, output):
        self.folders, self.status, self.quota, self.trouble, self.delivered = {}, {}, {}, [], []
        self.ended, at, here = False, 0, None
        while at < len(output):
            end = output.index(b'\n', at)
            words = output[at:end].decode('utf-8', 'replace').split(' ')
            at = end + 1
            if words[0] == 'folder':
                user, folder = words[1], ' '.join(words[8:])
                here = self.folders.setdefault(user, {}).setdefault(folder, [])
                self.status[user, folder] = [int(w) for w in words[2:8]]
            elif words[0] == 'message':
                size = int(words[6])
                here.append((int(words[1]), words[2], int(words[3]), words[4] == '1', words[5], output[at:at + size]))
                at += size
            elif words[0] == 'quota':
                self.quota[words[1]] = (int(words[2]), int(words[3]))
            elif words[0] == 'end':
                self.ended = True
            if words[0] == 'delivered':
                self.delivered.append(' '.join(words))
            # A damaged queue file is one that was never accepted, or what it held is missed below.
            if words[0] in ('unusable', 'waiting') or words[0] == 'delivered' and words[3] == 'failed':
                self.trouble.append(' '.join(words))

    def mailboxes(self, user):
        """{folder: {tag: flags}}, after everything about it was found in order."""
        found, messages, octets = {INBOX: {}}, 0, 0
        for folder, rows in self.folders.get(user, {}).items():
            here = found[folder] = {}
            size = unseen = 0
            validity, exists, not_seen, uidnext, modseq, total = self.status[user, folder]
            for uid, flags, told, cached, state, raw in rows:
                if state != 'whole':
                    raise Wrong(f'{user}: UID {uid} of {folder} cannot be read: {state}')
                tag = model.identify(raw, user)
                if tag in here:
                    raise Wrong(f'{user}: {tag} is in {folder} twice')
                if told != len(raw) or not cached or uid >= uidnext:
                    raise Wrong(f'{user}: {tag} in {folder}: size {told}, is {len(raw)}; UID {uid} of {uidnext}; '
                                f'cache {cached}')
                here[tag] = frozenset(flags.split(',')) - {'-'}
                size, unseen = size + told, unseen + ('\\Seen' not in here[tag])
            if (len(rows), unseen, size) != (exists, not_seen, total):
                raise Wrong(f'{user}: status of {folder} is {(exists, not_seen, total)}, found {(len(rows), unseen, size)}')
            messages, octets = messages + len(rows), octets + size
        if self.quota.get(user) != (messages, octets):
            raise Wrong(f'{user}: quota usage is {self.quota.get(user)}, there are {(messages, octets)}')
        return found

    def check_uids(self, user, uids, modseqs, event):
        """No UID may mean another message than it did, and no counter go back."""
        for folder, rows in self.folders.get(user, {}).items():
            validity, _, _, uidnext, modseq, _ = self.status[user, folder]
            for uid, _, _, _, _, raw in rows:
                tag, seen_at = uids.get((validity, uid), (None, None))
                if tag and seen_at <= event and tag != model.identify(raw, user):
                    raise Wrong(f'{user}: UID {uid} of {folder} was {tag}')
            seen = [m for m in modseqs.get(validity, []) if m[0] <= event]
            if seen and (uidnext < seen[-1][1] or modseq < seen[-1][2]):
                raise Wrong(f'{user}: UIDNEXT, HIGHESTMODSEQ of {folder} were {seen[-1][1:]}, are {(uidnext, modseq)}')


def scratch():
    return tempfile.mkdtemp(prefix='waxwing-power-', dir='/dev/shm' if os.path.isdir('/dev/shm') else None)


def run_checker(words, environment):
    words = [frame.program('checker'), *words]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as checker:
        for more in (True, True, True, False):  # a machine that stood still for a while costs one of them
            try:
                output, errors = checker.communicate(timeout=frame.DEADLINE)
                break
            except subprocess.TimeoutExpired:
                if not more:
                    where = frame.where_it_stands(checker.pid)
                    checker.kill()
                    raise Wrong(f'checker has not ended after {4 * frame.DEADLINE:.0f} s with '
                                f'{environment.get("WAXWING_FAILPOINTS", "no failpoint")}:\n{where}') from None
    return subprocess.CompletedProcess(words, checker.returncode, output, errors)


class Cutter:
    """Makes cuts of one recording. The instance's root leads to the state that was made last."""

    def __init__(self, recording, folder):
        self.recording, self.state, self.quiet = recording, os.path.join(folder, 'state'), False
        os.makedirs(os.path.dirname(recording.root), exist_ok=True)
        if os.path.islink(recording.root):  # of a run that was killed
            os.unlink(recording.root)
        os.symlink(self.state, recording.root)
        self.box = frame.revive(recording.root, recording.box_env, recording.port_base)
        self.started = self.queued = 0
        self.recorder, self.failed_calls, self.site = Recorder(folder, recording.root), 0, ''

    def close(self):
        self.box.ports.release()
        shutil.rmtree(os.path.dirname(self.recording.root))

    def points(self, count):
        """(event, variant), ascending."""
        dice = random.Random(f'cuts {self.recording.seed}')
        events = len(self.recording.disk.events)
        return [(event, n) for n, event in enumerate(sorted(dice.randrange(1, events + 1) for _ in range(count)))]

    def build(self, event, variant):
        shutil.rmtree(self.state, ignore_errors=True)
        for name in ('run', 'log'):
            os.makedirs(os.path.join(self.state, name))
        for name in os.listdir(self.recording.rest) if self.is_started(variant) else ['config']:
            subprocess.run(['cp', '-a', os.path.join(self.recording.rest, name), self.state], check=True)
        self.recording.disk.advance(event)
        return self.recording.disk.cut(disk.dice_of(self.recording.seed, f'{event}.{variant}'), self.state)

    def is_started(self, variant):
        return variant % STARTED == STARTED // 2 and not self.quiet

    def start(self, environment):
        """The services come up and empty the queue; nobody helps."""
        self.started += 1
        self.queued += len(self.box.queue_files())
        try:
            frame.start(self.box, environment)
            frame.wait_until(lambda: not self.box.queue_files(), 'the queue to be emptied after the start',
                             deadline=2 * frame.DEADLINE)
            self.box.command('stop-msg')
        except frame.Late as late:
            raise frame.Late(f'{late}: {self.box.queue_files()}') from None
        finally:
            self.box.kill_leftovers()

    def run_checker(self, environment):
        return run_checker([self.recording.root, *self.recording.users], environment)

    def check(self, event, variant):
        environment = dict(os.environ, **self.recording.environment, WAXWING_TEST_BOOT_ID='%032x' % (event * 1000 + variant + 1))
        dice = disk.dice_of(self.recording.seed, f'recovery {event}.{variant}')
        fate = dice.random()
        if self.is_started(variant):
            self.start(environment)
        elif fate < 0.2:
            self.check_on_bad_disk(dice, environment)
        elif fate < 0.35:  # whoever recovers dies at it, and is started again
            death = f'{dice.choice(IN_RECOVERY)}=exit@{dice.randrange(1, 6)}'
            self.run_checker(dict(environment, WAXWING_FAILPOINTS=death))
        done = self.run_checker(environment)
        if done.returncode != 0:
            raise Wrong(f'checker ended with status {done.returncode}: {done.stderr.decode()[-2000:]}')
        told = Told(done.stdout)
        if told.trouble or not told.ended:
            raise Wrong('; '.join(told.trouble) or 'checker told only half')
        if self.is_started(variant) and told.delivered:
            raise Wrong(f'the services have left in the queue: {told.delivered}')
        for user, log, uids, modseqs in self.recording.actors:
            account = self.recording.account_at(user, log, event)
            account.settle(told.mailboxes(user), everything=True)
            told.check_uids(user, uids, modseqs, event)

    def check_on_bad_disk(self, dice, environment):
        """A call of whoever recovers fails, and he is started again: by then nothing may have been passed over."""
        call, most = dice.choice(sorted(CALLS)), dice.choice((10, 100, 1000))
        self.recorder.fail(call, dice.randrange(1, most), errno.EIO)
        subprocess.run([frame.program('checker'), self.recording.root, *self.recording.users],
                       env={**environment, **self.recorder.environment(False, self.state)}, capture_output=True, timeout=120)
        failed, site = self.recorder.calm()
        self.failed_calls += failed
        self.site = site

    def cut(self, event, variant):
        """What is wrong, in words; None when nothing is."""
        self.site = ''
        chosen = self.build(event, variant)
        try:
            return self.check(event, variant)
        except (AssertionError, subprocess.TimeoutExpired) as problem:
            refused = f', {self.site} had failed' if self.site else ''
            text = f'cut {event}.{variant} ({chosen}{refused}): {problem}'
            if not self.quiet:
                print('  ' + text, flush=True)
            return text


class PowerCut(unittest.TestCase):
    file_system = 'in_order'

    def record(self, folder, run):
        segments = OPTIONS.segments if OPTIONS.segments is not None else SEGMENTS[run % len(SEGMENTS)]
        file_system = os.environ.get('WAXWING_TEST_FILE_SYSTEM', self.file_system)
        recording = Recording(folder, OPTIONS.seed + run, OPTIONS, file_system, segments)
        self.frozen = pickle.dumps(recording)
        recording.disk.prepare(recording.trace)
        checkpoints = recording.checkpoints()
        print(f'  seed {recording.seed}: {file_system}, {segments or "default"} segments, {len(recording.disk.events)} '
              f'events, {checkpoints} checkpoints; {recording.report}', flush=True)
        self.assertEqual(recording.warned, file_system != 'in_order', 'the daemons wrote for another file system')
        if segments:
            self.assertGreater(checkpoints, 0, 'no checkpoint was made while mail came in')
        return recording

    def run_cuts(self, recording, folder, count):
        cutter = Cutter(recording, folder)
        try:
            wrong = self.make_cuts(cutter, count)
            print(f'  {cutter.started} states were started, with {cutter.queued} messages in the queue', flush=True)
            self.assertGreaterEqual(cutter.started, 0 if wrong else count // STARTED)
            return wrong
        finally:
            self.refused += cutter.failed_calls
            cutter.close()

    def make_cuts(self, cutter, count):
        wrong = []
        for event, variant in cutter.points(count):
            problem = cutter.cut(event, variant)
            if problem:
                wrong.append(problem)
            if len(wrong) >= (1 if cutter.quiet else MOST_WRONG):
                break
        return wrong

    def check_the_check(self, folder):
        """The same on a disk whose syncs do nothing: that must be noticed, or the test is worth nothing."""
        recording = pickle.loads(self.frozen)
        recording.disk.prepare(recording.trace)
        recording.disk.lie()
        cutter = Cutter(recording, folder)
        cutter.quiet = True
        try:
            self.assertTrue(self.make_cuts(cutter, 40), 'a server that syncs nothing would pass')
        finally:
            cutter.close()

    def keep(self, recording, folder):
        os.makedirs(OPTIONS.keep, exist_ok=True)
        target = tempfile.mkdtemp(prefix=f'power-{recording.seed}-', dir=OPTIONS.keep)
        shutil.copytree(folder, target, symlinks=True, ignore=shutil.ignore_patterns('state', 'control'), dirs_exist_ok=True)
        with open(os.path.join(target, 'recording'), 'wb') as file:
            file.write(self.frozen)
        print(f'  kept in {target}: t/crash/test_power.py --again {target}', flush=True)

    def test_what_was_answered_survives_every_cut(self):
        wrong, done, run = [], 0, 0
        self.refused = 0
        while done < OPTIONS.cuts and len(wrong) < MOST_WRONG:
            folder = scratch()
            self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
            recording = self.record(folder, run)
            if run == 0:
                self.check_the_check(folder)
            cuts = min(OPTIONS.cuts_a_run, OPTIONS.cuts - done)
            found = self.run_cuts(recording, folder, cuts)
            if found:
                self.keep(recording, folder)
            wrong, done, run = wrong + found, done + cuts, run + 1
            del recording
            message_of.cache_clear()
            self.doCleanups()
        print(f'  {done} cuts, {len(wrong)} wrong; in {self.refused} recoveries the disk refused a call', flush=True)
        self.assertEqual(wrong, [], f'the recordings are kept in {OPTIONS.keep}')
        # One in ten: in a short run there may be none.
        self.assertTrue(self.refused or done < 200, 'no call of a recovery has failed')


def again():
    with open(os.path.join(OPTIONS.again, 'recording'), 'rb') as file:
        recording = pickle.load(file)
    recording.rest = os.path.join(OPTIONS.again, 'rest')
    recording.disk.prepare(os.path.join(OPTIONS.again, 'trace'))
    cutter = Cutter(recording, OPTIONS.again)
    try:
        points = cutter.points(OPTIONS.cuts)
        if OPTIONS.cut:
            points = [tuple(map(int, OPTIONS.cut.split('.')))]
        wrong = [problem for problem in (cutter.cut(*point) for point in points) if problem]
        if OPTIONS.cut:
            cutter.build(*points[0])
        print(f'{len(points)} cuts, {len(wrong)} wrong')
        return 1 if wrong else 0
    finally:
        cutter.close()


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cuts', type=int, default=OPTIONS.cuts)
    parser.add_argument('--seed', type=int, default=OPTIONS.seed)
    parser.add_argument('--seconds', type=float, default=OPTIONS.seconds, help='length of a recording')
    parser.add_argument('--cuts-a-run', type=int, default=OPTIONS.cuts_a_run, help='cuts of one recording')
    parser.add_argument('--segments', type=int, help='of 1 MB each, in the journal; 0: that of the default options')
    parser.add_argument('--keep', default=OPTIONS.keep)
    parser.add_argument('--again')
    parser.add_argument('--cut')
    parser.add_argument('-v', action='store_true')
    arguments = parser.parse_args()
    for name in ('cuts', 'seed', 'seconds', 'cuts_a_run', 'segments', 'keep', 'again', 'cut'):
        setattr(OPTIONS, name, getattr(arguments, name))
    if OPTIONS.again:
        sys.exit(again())
    unittest.main(argv=sys.argv[:1], verbosity=2)
