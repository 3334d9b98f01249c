#!/usr/bin/env python3
"""Bit rot: damage to any file of queue, store or journal is found and named, and costs no more than that file.

An instance with mail in its mailboxes and in its queue is damaged in one file in a random way, again and again from
the same beginnings: it had been stopped in good order, or killed with its logs full; and, for damage to the journal,
its power was cut, so that the bytes of all files that no checkpoint had passed are nowhere else. checker (test_power.py)
brings it up, as it is and after reconstruct: it never crashes, nobody sees the mail of another, and what stands in
other files is all there. Where it says what an operator must do, that is done, and must help. Files of a mailbox are
damaged twice, with mail that comes in between: what has been delivered since stays, and no UID that a client has seen means
another message under the same UIDVALIDITY.

    t/crash/test_rot.py --damages 3000 [--seed N] [--damage N] [--kind list]

--damage: one of them, kept for a look; --kind: only files of that part. The beginnings are of a run with threads, and no
seed makes them again: the instances whose damage came out wrong are put into build/crash/kept, damaged and not mended.
"""
import argparse
import filecmp
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import frame
import model
from actor import PASSWORD
from damage import damage, kind_of, used_size
from model import INBOX, Wrong
from recorder import TREES
from test_power import Told, run_checker, scratch
from test_storm import Storm

OPTIONS = argparse.Namespace(damages=40, damage=None, kind=None,
                             seed=int(os.environ.get('WAXWING_SEED', random.randrange(1 << 30))))
USERS = ('amy', 'bob', 'cid')
MOST_WRONG = 20
SEGMENT_HEADER, RECORD, RECORD_MAGIC, SYNCED = 64, struct.Struct('<HHIQQQ'), 0x4a57, 9  # journal(5)


class Rot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = scratch()
        cls.state, cls.files = os.path.join(cls.folder, 'state'), {}
        box = frame.set_up(USERS, PASSWORD)
        try:
            storm = Storm(box, USERS, OPTIONS.seed, 3, most_waiting=30)
            storm.blow(3, every=1e9)
            frame.wait_until(lambda: not box.queue_files(), 'the queue to be empty')
            for actor in storm.actors:
                cls.spend_uids(actor)
                actor.look(everything=True)
            box.command('imsimta', 'queue', 'stop', 'ims-ms')
            for users in (['amy'], ['amy', 'bob'], ['bob', 'cid'], ['cid'], ['amy', 'bob', 'cid']):
                frame.wait_until(lambda: storm.senders[0].send(users), 'a message to be accepted')
            cls.root = box.root
            with frame.held(box):  # what is on the disk now is what a kill of all would leave
                cls.keep('killed')
            cls.log = cls.records_in(os.path.join(cls.folder, 'killed'))
            cls.places = cls.live_places(os.path.join(cls.folder, 'killed'))
            cls.tags = cls.tags_in(cls.log)
            if not any(cls.tags.values()):
                raise AssertionError('no mail was found in the log')
            cls.lose_bytes()
            box.command('stop-msg')
            cls.keep('stopped')
            cls.rest, cls.box_env, cls.port_base = os.path.join(cls.folder, 'rest'), box.env, box.ports.base
            frame.keep_rest(box.root, cls.rest, TREES)
        finally:
            box.remove()
        os.makedirs(os.path.dirname(cls.root))
        os.symlink(cls.state, cls.root)
        cls.accounts = {a.user: a.account for a in storm.actors}
        cls.seen = {(a.user, *uid): tag for a in storm.actors for uid, (tag, _) in a.uids.items()}
        cls.damaged = 0
        cls.check_beginnings()

    @staticmethod
    def spend_uids(actor):
        """The last messages of the INBOX, seen, expunged and purged: their UIDs must not be those of mail that is waiting."""
        actor.look(everything=True)
        before = set(actor.account.state[INBOX])
        for _ in range(3):
            actor.append(INBOX)
        actor.look(everything=True)
        tags = sorted(set(actor.account.state[INBOX]) - before)
        uids = [uid for (_, uid), (tag, _) in actor.uids.items() if tag in tags]
        assert len(tags) == len(uids) == 3, f'{actor.user}: {tags} were to be seen, UIDs {uids}'
        actor.expunge(INBOX, tags)

        def purged():
            lines = actor.box.command('imcheck', '-m', f'user/{actor.user}/INBOX').stdout
            return all(f'purged uid {uid} ' in lines for uid in uids)
        frame.wait_until(purged, f'the purge of {tags}', pause=0.05)

    @classmethod
    def check_beginnings(cls):
        """There is something to damage, and something to miss."""
        for beginning, files in cls.files.items():
            wanted = {'journal'} if beginning == 'cut' else {'queue', 'journal', 'list', 'message', 'index', 'cache'}
            lacking = wanted - {kind_of(path) for path in files}
            assert not lacking, f'{beginning}: no files of {lacking}'
        for user, account in cls.accounts.items():
            assert any(account.state.values()) and account.must, f'{user} has no messages in mailboxes or none in the queue'

    @classmethod
    def keep(cls, beginning):
        """The instance as it is now."""
        base = os.path.join(cls.folder, beginning)
        os.makedirs(base)
        for name in TREES + ('config',):
            if os.path.exists(os.path.join(cls.root, name)):
                subprocess.run(['cp', '-a', os.path.join(cls.root, name), os.path.join(base, name)], check=True)
        cls.files[beginning] = sorted(os.path.relpath(os.path.join(top, name), base) for tree in TREES
                                      for top, _, names in os.walk(os.path.join(base, tree)) for name in names)

    # ---- the log, as it can be read ----
    @staticmethod
    def records_in(root):
        """{place: [type, path, path or '', X-Tag or '']}"""
        done = subprocess.run([os.path.join(frame.waxwing.STAGE, 'bin', 'imsimta'), '--instance', root, 'journal',
                               '-content'], capture_output=True, timeout=60)
        records, last = {}, None
        for line in done.stdout.decode('utf-8', 'replace').splitlines():
            found = re.match(r' *(\d+) (content|linked|renamed|removed|range|aged|stands) +(\S+)(?: -> (\S+))?', line)
            if found:
                last = records[int(found.group(1))] = [found.group(2), found.group(3), found.group(4) or '', '']
            elif line.startswith('    ') and last and last[0] == 'content':
                tag = re.search(r'X-Tag: (.+?)(?:\\r|\\x0d|\\015)', line)
                last[3] = tag.group(1) if tag else ''
        return records

    @staticmethod
    def tags_in(log):
        """{name of a file: the mail in it, if the log has its bytes}"""
        tags = {}
        for _, (what, path, to, tag) in sorted(log.items()):
            if what == 'content':
                tags[path] = tag
            elif to and path in tags:
                tags[to] = tags[path]
        return tags

    @classmethod
    def live_places(cls, root):
        """{place of a record that a replay reads: the place that it says to be on disk, or 0}"""
        segments = [path for path in cls.files['killed'] if path.startswith('journal/segment')]
        places = {row[0]: row[2] for path in segments for row in cls.places_in(os.path.join(root, path))}
        lacking = set(cls.log) - set(places)
        assert not lacking, f'records that are not where journal(5) says: {sorted(lacking)[:20]}'
        return {place: synced for place, synced in places.items() if place >= min(cls.log)}

    @classmethod
    def lose_bytes(cls):
        """What a power cut may leave of it: names, and none of the bytes that the log has."""
        cut = os.path.join(cls.folder, 'cut')
        subprocess.run(['cp', '-a', os.path.join(cls.folder, 'killed'), cut], check=True)
        for name in cls.tags:
            if name.endswith(('.msg', '.00')) and os.path.exists(os.path.join(cut, name)):
                os.truncate(os.path.join(cut, name), 0)
        cls.files['cut'] = [path for path in cls.files['killed'] if path.startswith('journal/segment')]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(os.path.dirname(cls.root), ignore_errors=True)
        shutil.rmtree(cls.folder, ignore_errors=True)

    def begin_anew(self, beginning):
        shutil.rmtree(self.state, ignore_errors=True)
        subprocess.run(['cp', '-a', os.path.join(self.folder, beginning), self.state], check=True)
        for name in ('run', 'log'):
            os.makedirs(os.path.join(self.state, name))

    @staticmethod
    def tag_in(path):
        with open(path, 'rb') as file:
            found = re.search(rb'^X-Tag: (\S+)\r$', file.read(), re.M)
        return found.group(1).decode() if found else None

    def look(self, boot, *options):
        """What checker tells; what is said in the log and by the tools is added to self.said."""
        done = run_checker([*options, self.root, *USERS], dict(os.environ, **({'WAXWING_TEST_BOOT_ID': boot} if boot else {})))
        if done.returncode < 0 or done.returncode > 1:
            raise Wrong(f'checker crashed: {done.returncode} {done.stderr.decode()[-1000:]}')
        if done.returncode == 1:
            raise Wrong(f'does not come up: {done.stderr.decode()[-1000:]}')
        self.said += done.stderr.decode('utf-8', 'replace')
        self.said += ''.join(line.decode('utf-8', 'replace') + '\n' for line in done.stdout.split(b'\n')
                             if line.startswith((b'damaged ', b'unusable ')))
        return Told(done.stdout)

    def look_and_obey(self, boot):
        """A directory whose mark is gone is not used until somebody writes the line that the message tells."""
        try:
            told = self.look(boot)
            text = '\n'.join(told.trouble)
        except Wrong as problem:
            told, text = None, str(problem)
            if 'write the line' not in text:
                raise
        lines = set(re.findall(r"write the line '(.+?)' into (.+?);", text))
        for line, path in lines:
            with open(path, 'w') as file:
                file.write(line + '\n')
        return self.look(boot) if lines else told

    # ---- what damage to the log may cost: from its bytes, without the code under test ----
    @staticmethod
    def places_in(path):
        """[(place in the log, type, place that it says to be on disk or 0, offset, size)] of a segment, see journal(5)."""
        with open(path, 'rb') as file:
            data = file.read()
        found, at = [], SEGMENT_HEADER
        while at + RECORD.size <= len(data):
            magic, kind, size, place, _, _ = RECORD.unpack_from(data, at)
            if magic != RECORD_MAGIC or found and place != found[-1][0] + at - found[-1][3]:
                break
            synced = struct.unpack_from('<Q', data, at + RECORD.size)[0] if kind == SYNCED else 0
            found.append((place, kind, synced, at, RECORD.size + size))
            at += -(-(RECORD.size + size) // 8) * 8
        return found

    def touched_by(self, path, beginning):
        """The places whose records have a damaged byte; of a segment that nothing tells the number of, all."""
        folder = os.path.join(self.folder, beginning)
        with open(os.path.join(folder, path), 'rb') as file:
            before = file.read()
        now = b''
        if os.path.exists(os.path.join(self.state, path)):
            with open(os.path.join(self.state, path), 'rb') as file:
                now = file.read()
        rows = self.places_in(os.path.join(folder, path))
        touched = {place for place, _, _, at, size in rows if now[at:at + size] != before[at:at + size]}
        no_number = now[:SEGMENT_HEADER] != before[:SEGMENT_HEADER] and rows and rows[0][0] in touched
        if no_number and not any(kind == SYNCED and place not in touched for place, kind, *_ in rows):
            touched = {row[0] for row in rows}
        return touched

    def may_be_lost(self, touched):
        """The places that damage to these may cost, and whether anything behind it must be found again: behind damage a run
        of whole records is taken for the log when one of it says that all before the run was on disk."""
        may, run, behind, found = set(touched), [], False, False

        def end_run():
            proved = any(self.places[place] >= run[0] for place in run) if run else True
            if behind and not proved:
                may.update(run)
            return bool(behind and run and proved)
        for place in sorted(self.places):
            if place in touched:
                found |= end_run()
                run, behind = [], True
            else:
                run.append(place)
        return may, end_run() or found

    def lost_with_records(self, path, beginning):
        """The mail whose bytes or names stood in damaged records of the log, and that whose removal did."""
        if not path.startswith('journal/segment'):
            return set(), set()
        left = self.records_in(self.root)
        gone = {place for place in self.log if place not in left}
        may, goes_on = self.may_be_lost(self.touched_by(path, beginning) & self.places.keys())
        if gone - may:
            raise Wrong(f'the log no longer tells of {sorted(gone - may)[:20]}; damage may cost {sorted(may)[:20]}')
        self.must_be_said = 'journal.lost' if gone and goes_on else None
        lost = [self.log[place] for place in gone]
        names = {name for what, path, to, _ in lost if what != 'removed' for name in (path, to)}
        removed = {path for what, path, _, _ in lost if what == 'removed'}
        return ({self.tags[name] for name in names if name in self.tags},
                {self.tags[name] for name in removed if name in self.tags})

    def compare(self, told, kind, spared, back, mended):
        """Whoever is not touched has everything; who is, all but the damaged mail (spared), and perhaps again what was
        removed (back)."""
        for user, account in self.accounts.items():
            found, unreadable = {INBOX: {}}, {}
            for folder, rows in told.folders.get(user, {}).items():
                here = found[folder] = {}
                for uid, flags, size, cached, state, raw in rows:
                    owner = re.search(rb'^X-User: (\S+)\r$', raw, re.M)
                    owners = set(owner.group(1).decode('latin-1').split(',')) if owner else {user}
                    if user not in owners and owners <= set(USERS):
                        raise Wrong(f'{user} sees mail of {owner.group(1)}')
                    try:
                        name = model.identify(raw, user) if state == 'whole' else None
                    except Wrong:
                        name = None
                    # A record that rots while the system runs gives no body, until the index is mended.
                    if name is None and (mended or kind not in ('message', 'queue', 'index', 'cut')
                                         or kind == 'index' and state == 'whole'):
                        raise Wrong(f'{user}: UID {uid} of {folder} is damaged ({state}), {len(raw)} bytes')
                    # A copy that was expunged comes back beside the other with an index that is lost, see below.
                    if name in here and name and kind != 'index':
                        raise Wrong(f'{user}: {name} is in {folder} twice')
                    here[name] = frozenset(flags.split(',')) - {'-'}
                    unreadable[folder] = unreadable.get(folder, 0) + (name is None)
                here.pop(None, None)
            self.compare_user(account, found, unreadable, kind, spared, back, mended, told)

    def check_uids(self, told):
        """What a client has seen under a UID is that for ever, or its UIDVALIDITY is another."""
        for user, folders in told.folders.items():
            for folder, rows in folders.items():
                validity = told.status[user, folder][0]
                for uid, _, _, _, state, raw in rows:
                    try:
                        tag = model.identify(raw, user) if state == 'whole' else None
                    except Wrong:
                        tag = None
                    if tag and self.uids.setdefault((user, validity, uid), tag) != tag:
                        raise Wrong(f'{user}: UID {uid} of {folder}, UIDVALIDITY {validity}, was '
                                    f'{self.uids[user, validity, uid]}, is {tag}')

    def compare_user(self, account, found, unreadable, kind, spared, back, mended, told):
        unusable = [line for line in told.trouble if line.startswith(f'unusable {account.user} ')]
        if unusable and not mended and kind in ('index', 'other'):
            return  # said so: reconstruct is needed
        wanted = {folder: dict(messages) for folder, messages in account.state.items()}
        wanted[INBOX].update({mail: frozenset() for mail in account.must})
        for folder in set(wanted) | set(found):
            if folder not in found:
                raise Wrong(f'{account.user}: folder {folder} is gone; {told.trouble}')
            if folder not in wanted:
                raise Wrong(f'{account.user}: folder {folder} was never there')
            missing = set(wanted[folder]) - set(found[folder]) - spared
            # Records that rotted: each is there, and says that it cannot be read.
            if not mended and kind == 'index' and len(missing) <= unreadable.get(folder, 0):
                missing = set()
            more = set(found[folder]) - set(wanted[folder])
            # What an index no longer tells as expunged comes back, and mail whose removal from the queue stood in a
            # damaged record of the journal is delivered again: better than the other way round.
            if missing or (kind != 'index' and more - (back & account.known)):
                raise Wrong(f'{account.user}: in {folder} missing {sorted(missing)}, too much {sorted(more)}; {told.trouble}')
            if kind not in ('index', 'message') and any(found[folder].get(m, f) != f for m, f in wanted[folder].items()):
                raise Wrong(f'{account.user}: flags are lost in {folder}')

    def check_queue_named(self, told, spared, name):
        """A queue file that was not delivered is named."""
        missing = [tag for user, account in self.accounts.items() for tag in account.must & spared
                   if not any(f'X-Tag: {tag}\r\n'.encode() in row[-1] for row in told.folders.get(user, {}).get(INBOX, []))]
        if missing and name not in self.said:
            raise Wrong(f'{missing} are missing, and nobody names {name}: {self.said[-2000:]}')

    def is_as_before(self, path, beginning):
        now, before = os.path.join(self.state, path), os.path.join(self.folder, beginning, path)
        return os.path.exists(now) and filecmp.cmp(now, before, shallow=False)

    def damage_anew(self, number):
        """That damage to its beginning: dice, how, which file, the beginning, what kind of file, and the mail in it."""
        dice = random.Random(f'{OPTIONS.seed} {number}')
        beginning = dice.choice(sorted(self.files))
        files = self.files[beginning]
        kind = OPTIONS.kind or dice.choice(sorted({kind_of(path) for path in files}))
        if kind not in {kind_of(path) for path in files}:
            beginning = 'killed'
            files = self.files[beginning]
        path = dice.choice([p for p in files if kind_of(p) == kind])
        self.begin_anew(beginning)
        spared = {self.tag_in(os.path.join(self.state, path))} if kind in ('message', 'queue') else set()
        return dice, damage(os.path.join(self.state, path), dice), path, beginning, kind, spared

    def keep_damage(self, number):
        """The instance as the damage left it, before anybody came up on it."""
        _, done, path, *_ = self.damage_anew(number)
        os.makedirs(frame.KEPT, exist_ok=True)
        target = tempfile.mkdtemp(prefix=f'rot-{OPTIONS.seed}-{number}-', dir=frame.KEPT)
        shutil.copytree(self.state, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns('run'))
        print(f'  damage {number}, {done} {path}, is kept in {target}', flush=True)

    def one(self, number):
        """What is wrong, in words; None when nothing is."""
        dice, done, path, beginning, kind, spared = self.damage_anew(number)
        back = set()
        self.damaged += not self.is_as_before(path, beginning)
        boot = '%032x' % (number + 1) if beginning == 'cut' else dice.choice(('', '%032x' % (number + 1)))
        self.said, self.must_be_said = '', None
        try:
            if kind == 'journal' and beginning != 'stopped':
                spared, back = self.lost_with_records(path, beginning)
            if beginning == 'killed' and kind == 'journal':
                spared = set()  # the files have everything
            kind = 'cut' if beginning == 'cut' else kind.split()[0]
            self.uids = dict(self.seen)
            told = self.look_and_obey(boot)
            if boot and self.must_be_said and f' {self.must_be_said} ' not in self.said:
                raise Wrong(f'{self.must_be_said} was not said: {self.said[-2000:]}')
            self.compare(told, kind, spared, back, mended=False)
            if kind not in ('cut', 'journal'):  # what they cost may be the counters of an index as well
                self.check_uids(told)
            if kind in ('index', 'cache', 'other'):
                done += self.again(path, kind, dice, number)
            if kind == 'queue' and done != 'remove':
                self.check_queue_named(told, spared, os.path.basename(path))
            self.compare(self.look(boot, '--mend'), kind, spared, back, mended=True)
        except (Wrong, subprocess.TimeoutExpired) as problem:
            text = f'damage {number}: {done} {path}, {beginning}{", new boot" if boot else ""}: {problem}'
            print('  ' + text, flush=True)
            return text

    def again(self, path, kind, dice, number):
        """The same file once more, behind the mail that came; in words what was done."""
        full = os.path.join(self.state, path)
        if not os.path.exists(full):
            return ''
        done = damage(full, dice)
        told = self.look_and_obey(dice.choice(('', '%032x' % (number + (1 << 32)))))
        self.compare(told, kind, set(), set(), mended=False)
        self.check_uids(told)
        return f' and {done}'

    # ---- damage that matters, of each kind once ----
    def rot(self, path, at=None, bytes_=1):
        """Flips bits of some bytes from there on; None: in the middle."""
        full = os.path.join(self.state, path)
        at = used_size(full) // 2 if at is None else at
        with open(full, 'r+b') as file:
            file.seek(at)
            old = file.read(bytes_)
            file.seek(at)
            file.write(bytes(byte ^ 0x55 for byte in old))

    def some(self, beginning, kind):
        return next(path for path in self.files[beginning] if kind_of(path) == kind)

    def check_said(self, event, *names):
        lines = [line for line in self.said.splitlines() if f' {event} ' in line]
        self.assertTrue(any(all(name in line for name in names) for line in lines),
                        f'{event} with {names} was not said: {lines or self.said}')

    def rot_and_look(self, beginning, path, boot, *options, **where):
        self.begin_anew(beginning)
        self.said = ''
        self.rot(path, **where)
        self.look(boot, *options)

    def test_a_record_of_the_log_is_named_and_kept(self):
        path = next(path for path in self.files['cut'] if any(
            kind == 8 and place in self.log for place, kind, *_ in self.places_in(os.path.join(self.folder, 'cut', path))))
        rows = [row for row in self.places_in(os.path.join(self.folder, 'cut', path))
                if row[1] == 8 and row[0] in self.log and self.may_be_lost({row[0]})[1]]
        place, _, _, at, size = rows[len(rows) // 2]
        self.rot_and_look('cut', path, '%032x' % 7, at=at + size // 2)
        self.check_said('journal.lost', f'lsn={place} ', 'damaged.', self.log[place][1].rpartition('/')[2])
        self.assertTrue([name for name in os.listdir(os.path.join(self.state, 'journal')) if name.startswith('damaged.')])

    def test_a_checkpoint_is_named(self):
        self.rot_and_look('cut', 'journal/checkpoint', '%032x' % 7, at=0, bytes_=8192)
        self.check_said('journal.damaged', 'checkpoint')

    def test_a_list_of_mailboxes_is_named(self):
        self.begin_anew('stopped')
        self.said = ''
        for path in [path for path in self.files['stopped'] if kind_of(path) == 'list']:
            self.rot(path, at=0, bytes_=1 << 20)
        self.look('')
        self.check_said('stored.list.damaged', 'mboxlist.damaged.')

    def test_an_index_is_named(self):
        path = self.some('stopped', 'index')
        self.rot_and_look('stopped', path, '', at=0, bytes_=512)
        self.assertRegex(self.said, r' store\.mailbox\.damaged |^unusable ')

    def test_indexes_that_are_lost_again_and_again_cost_no_message_and_no_uid(self):
        for beginning in ('stopped', 'killed'):
            self.begin_anew(beginning)
            self.said, self.uids = '', dict(self.seen)
            for _ in range(3):
                for path in [path for path in self.files[beginning] if kind_of(path) == 'index']:
                    os.unlink(os.path.join(self.state, path))
                told = self.look('')
                self.compare(told, 'index', set(), set(), mended=False)
                self.check_uids(told)

    def test_a_message_is_named(self):
        path = self.some('stopped', 'message')
        self.rot_and_look('stopped', path, '', '--mend', at=0, bytes_=64)
        self.check_said('store.message.damaged', os.path.basename(path))

    def test_a_queue_file_is_named_and_set_aside(self):
        path = next(path for path in self.files['stopped'] if kind_of(path) == 'queue' and path.endswith('.00'))
        self.begin_anew('stopped')
        with open(os.path.join(self.state, path), 'rb') as file:
            self.rot(path, at=file.read().index(b'X-Tag: '))
        box = self.start_all()
        try:
            box.command('imsimta', 'queue', 'start', 'ims-ms')
            frame.wait_until(lambda: not box.queue_files(), 'the queue to be empty')
            self.assertTrue(frame.said(box, 'queue.damaged'), 'queue.damaged was not said')
            aside = os.listdir(os.path.join(self.state, 'queue', '.damaged'))
            self.assertEqual(aside, [path.removeprefix('queue/').replace('/', '_')])
            box.command('stop-msg')
        finally:
            box.kill_leftovers()
            box.ports.release()

    def start_all(self):
        for name in os.listdir(self.rest):
            if not os.path.exists(os.path.join(self.state, name)):
                subprocess.run(['cp', '-a', os.path.join(self.rest, name), self.state], check=True)
        box = frame.revive(self.root, self.box_env, self.port_base)
        frame.start(box)
        return box

    def test_damage_stays_where_it_is(self):
        wrong = []
        number = 0
        if OPTIONS.damage is not None:
            wrong = [problem for problem in (self.one(OPTIONS.damage),) if problem]
            print(shutil.copytree(self.state, tempfile.mkdtemp(prefix='waxwing-rot-'), dirs_exist_ok=True,
                                  ignore=shutil.ignore_patterns('run')))
        else:
            for number in range(OPTIONS.damages):
                problem = self.one(number)
                if problem:
                    wrong.append(problem)
                    self.keep_damage(number)
                if len(wrong) >= MOST_WRONG:
                    break
            print(f'  seed {OPTIONS.seed}: {number + 1} damages to {len(self.files["killed"])} files, {self.damaged} of which '
                  f'changed something, {len(wrong)} wrong', flush=True)
            self.assertGreater(self.damaged, (number + 1) / 2, 'nothing was damaged')
        self.assertEqual(wrong, [], f'seed {OPTIONS.seed}; what came out wrong is kept in {frame.KEPT}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--damages', type=int, default=OPTIONS.damages)
    parser.add_argument('--seed', type=int, default=OPTIONS.seed)
    parser.add_argument('--damage', type=int)
    parser.add_argument('--kind')
    parser.add_argument('-v', action='store_true')
    arguments = parser.parse_args()
    for name in ('damages', 'seed', 'damage', 'kind'):
        setattr(OPTIONS, name, getattr(arguments, name))
    unittest.main(argv=sys.argv[:1], verbosity=2)
