#!/usr/bin/env python3
"""The queue as an operator sees it: stop, list, read, hold, release, return, delete; and daemons killed meanwhile."""
import email
import email.policy
import json
import os
import re
import shutil
import subprocess

import waxwing


def setUpModule():
    box = waxwing.start_shared()
    for uid in ('alice', 'bob', 'carol', 'dora', 'emil'):
        box.user(uid, 'secret')


class Queue(waxwing.TestCase):
    def test_a_message_for_the_hold_channel_is_held_when_it_is_answered(self):
        log = self.box.log('smtpd')
        self.send('kept', 'u1@hold.test')
        files = self.box.queue_files('hold')
        self.assertEqual([name.endswith('.HELD') for name in files], [True], files)
        line = log.wait(r'mta\.enqueue .*dst=hold .*to=u1@hold\.test')
        self.assertRegex(line, r' held="in the hold channel')
        self.qm('delete', re.search(r'qid=(\S+)', line)[1])
        self.assertEqual(self.box.queue_files('hold'), [])

    def test_a_file_that_was_moved_into_the_hold_channel_is_held_and_logged(self):
        log = self.box.log('hold', from_start=True)
        self.send('moved', 'u2@hold.test')
        name = self.box.queue_files('hold')[0]
        path = os.path.join(self.box.root, 'queue', name)
        os.rename(path, path.removesuffix('.HELD'))
        self.box.command('imsimta', 'cache', '-sync')
        line = log.wait(r'mta\.held .*to=u2@hold\.test')
        self.assertRegex(line, r' delay_ms=\d+ reply="[^"]')
        waxwing.wait_until(lambda: self.box.queue_files('hold') == [name], 'the file to be held again')
        self.qm('delete', re.search(r'qid=(\S+)', line)[1])

    def send(self, subject, to, sender='alice@example.test'):
        shown = to if isinstance(to, str) else ', '.join(to)
        with self.box.smtp() as client:
            client.sendmail(sender, to, f'From: {sender}\r\nTo: {shown}\r\nSubject: {subject}\r\n'
                                        f'Message-ID: <{subject}@x.test>\r\n\r\nText of {subject}\r\n')

    def qm(self, *words, **more):
        return self.box.command('imsimta', 'qm', *words, **more).stdout

    def subjects(self, user, count):
        """Subjects in the mailbox, when there are at least so many messages."""
        def look():
            client = self.box.pop(user, 'secret')
            found = []
            for number in range(1, client.stat()[0] + 1):
                text = b'\r\n'.join(client.retr(number)[1])
                found.append(email.message_from_bytes(text, policy=email.policy.default))
            client.quit()
            return found if len(found) >= count else None
        return waxwing.wait_until(look, f'{count} messages of {user}')

    def stop_channel(self):
        self.box.command('imsimta', 'queue', 'stop', 'ims-ms')
        self.addCleanup(self.box.command, 'imsimta', 'queue', 'start', 'ims-ms')

    def test_stopped_listed_changed_and_started(self):
        self.stop_channel()
        for subject in ('q-deliver', 'q-hold', 'q-delete', 'q-return'):
            self.send(subject, 'bob@example.test')
        waxwing.wait_until(lambda: len(self.box.queue_files('ims-ms')) == 4, 'four queue files')
        listing = self.qm('directory', '-envelope', 'ims-ms')
        self.assertIn('Data gathered from the queue directory tree', listing)
        self.assertIn('from <alice@example.test>', listing)
        names = re.findall(r'^ +(\d+) (\S+)', listing, re.M)
        self.assertEqual(len(names), 4)
        by_subject = {}
        for number, _ in names:
            text = self.qm('read', '-content', number)
            by_subject[re.search(r'Subject: (\S+)', text).group(1)] = number
            self.assertIn('Text of q-', text)
        self.assertIn('%QM-I-HELD', self.qm('hold', by_subject['q-hold']))
        self.assertIn('%QM-I-DELETED', self.qm('delete', by_subject['q-delete']))
        self.assertIn('%QM-I-RETURNED', self.qm('return', by_subject['q-return']))
        self.assertRegex(self.qm('summarize'), r'ims-ms +3 +1 .* stopped')
        self.assertRegex(self.qm('summarize', '-database'), r'ims-ms +2 ')
        view = self.box.command('imsimta', 'cache', '-view', 'ims-ms').stdout
        self.assertEqual(sorted(re.findall(r' (ready|return) ', view)), ['ready', 'return'])
        self.assertIn('returning', self.qm('history', by_subject['q-return']))
        returning = re.search(r'/(?:Z\w)(\w+)\.00', dict(names)[by_subject['q-return']]).group(1)
        trace = self.box.command('imsimta', 'trace', returning).stdout
        self.assertIn('an operator wants it returned', trace)
        self.assertRegex(trace, 'Goes back to its sender: .*; its channel is stopped')
        self.assertIn('its channel is stopped', self.qm('history', by_subject['q-deliver']))

        # Killed and back: the stop holds, nothing is lost.
        old = self.box.kill('job_controller')
        self.box.wait_running('job_controller', other_than=old)
        waxwing.wait_until(lambda: 'stopped' in self.qm('summarize'), 'the stop to hold')
        self.assertIn('returning', self.qm('history', by_subject['q-return']))
        self.box.command('imsimta', 'queue', 'start', 'ims-ms')
        self.assertEqual([m['Subject'] for m in self.subjects('bob', 1)], ['q-deliver'])

        # The returned one came back to its sender as a report.
        report = self.subjects('alice', 1)[0]
        self.assertEqual(report.get_content_type(), 'multipart/report')
        self.assertEqual(report.get_param('report-type'), 'delivery-status')
        self.assertEqual(report['Auto-Submitted'], 'auto-replied')
        text, status, original = report.iter_parts()
        self.assertIn('bob@example.test', text.get_content())
        fields = status.get_payload()
        self.assertTrue(fields[0]['Reporting-MTA'].startswith('dns;'))
        self.assertEqual(fields[1]['Action'], 'failed')
        self.assertEqual(fields[1]['Original-Recipient'], 'rfc822;bob@example.test')
        self.assertEqual(original.get_content_type(), 'message/rfc822')
        self.assertEqual(original.get_payload()[0]['Subject'], 'q-return')

        held = self.qm('directory', '-held')
        self.assertIn('.HELD', held)
        self.assertIn('%QM-I-RELEASED', self.qm('release', '1'))
        self.assertEqual(sorted(m['Subject'] for m in self.subjects('bob', 2)), ['q-deliver', 'q-hold'])
        self.box.wait_queue_empty()

    def test_a_message_is_marked_for_return_while_the_job_controller_is_away(self):
        self.stop_channel()
        before = len(self.subjects('dora', 0))
        self.send('q-away', 'bob@example.test', sender='dora@example.test')
        self.box.stop('job_controller')
        self.addCleanup(self.box.start)
        name = self.box.queue_files('ims-ms')[0]
        self.assertIn('%QM-I-RETURNED', self.qm('return', name))
        self.box.start()
        self.box.command('imsimta', 'queue', 'start', 'ims-ms')
        report = self.subjects('dora', before + 1)[-1]
        self.assertEqual(report.get_content_type(), 'multipart/report')
        self.box.wait_queue_empty('ims-ms')

    def elsewhere(self, *words):
        """The command in a session of its own, as on another terminal."""
        return subprocess.run([os.path.join(self.box.root, 'bin', 'imsimta'), 'qm', *words], env=self.box.env, text=True,
                              capture_output=True, start_new_session=True, timeout=waxwing.DEADLINE)

    def test_numbers_are_those_of_ones_own_session(self):
        self.stop_channel()
        self.send('mine', 'bob@example.test')
        self.send('theirs', 'carol@example.test')
        named = lambda text: re.findall(r'/(\w\w\w+\.00)', text)
        mine = named(self.qm('directory', '-to=bob', 'ims-ms'))
        theirs = named(self.elsewhere('directory', '-to=carol', 'ims-ms').stdout)
        self.assertEqual((len(mine), len(theirs), mine == theirs), (1, 1, False))
        self.assertIn(mine[0], self.qm('hold', '1'))
        self.qm('release', '1')
        for words in (('hold', '1'), ('hold', '-all')):
            refused = self.elsewhere(*words)
            self.assertEqual(refused.returncode, 1)
            self.assertIn('there was none', refused.stderr)
        self.assertEqual([name for name in self.box.queue_files('ims-ms') if name.endswith('.HELD')], [])
        # A session of commands has its own, whatever is listed meanwhile.
        session = subprocess.Popen([os.path.join(self.box.root, 'bin', 'imsimta'), 'qm'], env=self.box.env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        session.stdin.write('directory -to=bob ims-ms\n')
        session.stdin.flush()
        self.assertTrue(any(line.startswith('Grand total') for line in session.stdout))
        self.qm('directory', '-to=carol', 'ims-ms')
        self.assertIn(mine[0], session.communicate('delete 1\n', timeout=waxwing.DEADLINE)[0])
        self.assertIn(theirs[0], self.qm('delete', '1'))

    def test_listings_show_what_was_asked_for(self):
        self.stop_channel()
        self.send('list-1', 'bob@example.test')
        self.send('list-2', 'carol@example.test', sender='bob@example.test')
        for words, count in (((), 2), (['-from=alice'], 1), (['-to=carol'], 1), (['-from=alice', '-to=carol'], 0), (['-held'], 0),
                             (['-from=alice', '-to=carol', '-match=or'], 2), (['-total'], 2), (['-from=nobody'], 0)):
            self.assertIn(f'\nGrand total: {count} messages', self.qm('directory', *words, 'ims-ms'), words)
        self.assertIn('\n2 in memory', self.box.command('imsimta', 'cache', '-view', 'ims-ms').stdout)
        self.assertIn('\n0 in memory', self.box.command('imsimta', 'cache', '-view', 'tcp_local').stdout)
        view = lambda *words: self.box.command('imsimta', 'cache', '-view', 'ims-ms', *words).stdout
        ids = [re.search(r'/ZZ(\w+)', name).group(1) for name in sorted(self.box.queue_files('ims-ms'), key=lambda name: name.split('/')[-1])]
        self.assertEqual(re.findall(r'^ims-ms/\d+/ZZ(\w+)', view(), re.M), ids)
        self.assertEqual(re.findall(r'^ims-ms/\d+/ZZ(\w+)', view(f'-id={ids[1]}'), re.M), ids[1:])
        self.assertIn('\n0 in memory', view('-host=nowhere.test'))
        self.qm('directory', 'ims-ms')
        self.assertEqual(self.qm('delete', '1-2').count('%QM-I-DELETED'), 2)

    def change(self, name, pattern, replacement):
        """A file of config/ with one place changed, published; as it was at the end."""
        self.addCleanup(self.box.command, 'imsimta', 'cnbuild')
        self.box.edit(name, lambda text: re.sub(pattern, replacement, text), until=self)
        self.box.command('imsimta', 'cnbuild')

    def test_programs_end_by_age_use_and_idleness(self):
        for option, messages in (('MAX_LIFE_AGE=1', 1), ('MAX_IDLE_TIME=1', 1), ('MAX_LIFE_CONNS=1', 2)):
            with self.subTest(option):
                self.change('job_controller.cnf', r'(?m)^\[CHANNEL=bitbucket\]\n', f'[CHANNEL=bitbucket]\n{option}\n')
                log = self.box.log('job_controller')
                self.box.command('imsimta', 'restart', 'job_controller')
                log.wait('queue.tree_read')  # else a message may be found there and told of as well
                for n in range(messages):
                    self.send(f'life-{n}', 'u1@discard.test')
                log.wait(r'job\.ended channel=bitbucket .*how="exit 0" served=%d ' % messages)
                self.doCleanups()
        self.box.command('imsimta', 'restart', 'job_controller')

    def test_mail_for_a_full_mailbox(self):
        user = self.box.user('full', 'secret', '--message-quota', '1')
        self.send('fits', user)
        self.subjects('full', 1)
        log = self.box.log('ims_master')
        self.send('waits', user)
        log.wait(r'mta\.deferred .*to=full@.*4\.2\.2')
        for keyword, event in (('holdexquota', r'mta\.held .*quota'), ('exquota', r'mta\.delivered .*to=full@')):
            with self.subTest(keyword):
                self.change('imta.cnf', r'(?m)^ims-ms ', f'ims-ms {keyword} ')
                self.box.command('imsimta', 'restart', 'job_controller')
                self.send(keyword, user)
                log.wait(event)
                self.doCleanups()
        self.assertEqual([m['Subject'] for m in self.subjects('full', 2)], ['fits', 'exquota'])
        self.box.set_option('store.quotagraceperiod', 0)
        self.addCleanup(self.box.command, 'msconfig', 'unset', 'store.quotagraceperiod')
        self.box.command('imsimta', 'restart', 'job_controller')
        self.send('late', user, sender='u1@discard.test')
        log.wait(r'mta\.failed .*to=full@.*5\.2\.2')
        self.doCleanups()
        self.box.command('imsimta', 'restart', 'job_controller')
        self.qm('directory', 'ims-ms')
        self.assertEqual(self.qm('delete', '-all').count('%QM-I-DELETED'), 2)

    def test_released_mail_is_resolved_anew(self):
        user = self.box.user('frozen', 'secret', '--status', 'hold')
        self.send('thawed', user)
        name = self.box.queue_files('hold')[0]
        self.box.command('commadmin', 'user', 'modify', '--uid', 'frozen', '--status', 'active')
        self.assertIn('%QM-I-RELEASED', self.qm('release', name))
        self.assertEqual([m['Subject'] for m in self.subjects('frozen', 1)], ['thawed'])
        self.box.wait_queue_empty()

    def test_a_damaged_text_is_set_aside_and_never_delivered(self):
        self.stop_channel()
        self.send('broken', 'bob@example.test')
        name = waxwing.wait_until(lambda: self.box.queue_files('ims-ms'), 'a queue file')[0]
        path = os.path.join(self.box.root, 'queue', name)
        with open(path, 'r+b') as file:
            at = file.read().index(b'Text of broken')
            file.seek(at)
            file.write(bytes(4))
        log = self.box.log('ims_master')
        self.box.command('imsimta', 'queue', 'start', 'ims-ms')
        self.assertIn('checksum', log.wait(r'queue\.damaged .*' + re.escape(name)))
        self.box.wait_queue_empty('ims-ms')
        self.assertIn(name.replace('/', '_'), os.listdir(os.path.join(self.box.root, 'queue', '.damaged')))
        self.assertEqual(self.files_in_store('broken'), {})

    def files_in_store(self, subject):
        """Status and text of the store's files of one message."""
        found = {}
        for folder, _, names in os.walk(os.path.join(self.box.root, 'store', 'partition')):
            for path in (os.path.join(folder, name) for name in names if name.endswith('.msg')):
                with open(path, 'rb') as file:
                    text = file.read()
                if f'Subject: {subject}\r\n'.encode() in text:
                    found[path] = (os.stat(path), text)
        return found

    def test_a_message_for_local_users_is_on_the_disk_once(self):
        self.send('one-copy', ['dora@example.test', 'emil@example.test'])
        found = waxwing.wait_until(lambda: len(now := self.files_in_store('one-copy')) == 2 and now, 'both copies')
        self.assertEqual(len({status.st_ino for status, _ in found.values()}), 1)
        for _, text in found.values():
            self.assertTrue(text.startswith(b'Return-Path: <alice@example.test>\r\nReceived: from '), text)
            self.assertEqual(text.count(b'Return-Path:'), 1)

    def test_only_copies_for_the_store_bear_the_return_path(self):
        self.send('two-ways', ['dora@example.test', 'u1@hold.test'])
        found = waxwing.wait_until(lambda: self.files_in_store('two-ways'), 'the copy in the store')
        for _, text in found.values():
            self.assertEqual(text.count(b'Return-Path: <alice@example.test>\r\n'), 1)
        held = waxwing.wait_until(lambda: [name for name in self.box.queue_files('hold') if name.endswith('.HELD')],
                                  'the copy that is held')
        self.addCleanup(self.qm, 'delete', held[0])
        with open(os.path.join(self.box.root, 'queue', held[0]), 'rb') as file:
            self.assertNotIn(b'Return-Path:', file.read())

    def test_a_message_is_found_by_its_number_name_or_id_after_it_was_renamed(self):
        self.stop_channel()
        self.send('renamed', 'bob@example.test')
        name = waxwing.wait_until(lambda: self.box.queue_files('ims-ms'), 'a queue file')[0]
        queue_id = re.search(r'/ZZ(\w+)\.', name).group(1)
        path = os.path.join(self.box.root, 'queue', name)
        os.utime(path, (1, 1))  # the time of the last attempt, not that of the arrival
        self.assertNotIn('1970', self.qm('summarize'))
        self.assertNotIn('1970', self.qm('directory', 'ims-ms'))
        self.assertIn('%QM-I-HELD', self.qm('hold', '1'))
        self.assertIn('%QM-I-RELEASED', self.qm('release', '1'))
        self.assertIn('queue-id: ' + queue_id, self.qm('read', queue_id))
        self.assertIn('%QM-I-HELD', self.qm('hold', name.replace('/ZZ', '/ZW')))
        self.assertIn('%QM-I-DELETED', self.qm('delete', '-channel=ims-ms', queue_id))
        gone = self.box.command('imsimta', 'qm', 'delete', queue_id, check=False)
        self.assertIn('no message file ' + queue_id, gone.stderr)

    def test_messages_queued_while_the_job_controller_is_away_are_found(self):
        self.box.stop('job_controller')
        for n in range(5):
            self.send(f'away-{n}', 'carol@example.test')
        self.assertEqual(len(self.box.queue_files('ims-ms')), 5)
        held = self.box.queue_files('ims-ms')[0]
        self.assertIn('%QM-I-HELD', self.qm('hold', held))  # without job controller, on the tree itself
        self.box.start('job_controller')
        self.assertEqual(len(self.subjects('carol', 4)), 4)
        self.assertIn('%QM-I-RELEASED', self.qm('release', held + '.HELD'))
        self.assertEqual(len(self.subjects('carol', 5)), 5)

    def test_a_damaged_file_is_set_aside_and_named(self):
        self.stop_channel()
        self.send('damaged', 'bob@example.test')
        name = waxwing.wait_until(lambda: self.box.queue_files('ims-ms'), 'a queue file')[0]
        path = os.path.join(self.box.root, 'queue', name)
        with open(path, 'r+b') as file:
            file.truncate(os.path.getsize(path) - 1)
        log = self.box.log('ims_master')
        self.box.command('imsimta', 'queue', 'start', 'ims-ms')
        aside = os.path.join(self.box.root, 'queue', '.damaged')
        waxwing.wait_until(lambda: os.path.isdir(aside) and os.listdir(aside), 'the file to be set aside')
        self.assertEqual(os.listdir(aside), [name.replace('/', '_')])
        log.wait(r'queue\.damaged file=' + re.escape(name))

    def damaged(self, *words):
        """What qm damaged says, by path below queue/."""
        outcome = self.box.command('imsimta', 'qm', 'damaged', '-json', *words, check=False)
        rows = [json.loads(line) for line in outcome.stdout.splitlines()]
        self.assertEqual(outcome.returncode, 1 if rows else 0, outcome.stderr)
        return {os.path.relpath(row['path'], os.path.join(self.box.root, 'queue')): row for row in rows}

    def test_what_is_damaged_stays_in_sight(self):
        shutil.rmtree(os.path.join(self.box.root, 'queue', '.damaged'), ignore_errors=True)
        self.assertEqual(self.damaged(), {})
        self.assertEqual(self.qm('damaged'), '0 damaged\n')
        self.stop_channel()
        for n in range(4):
            self.send(f'sight-{n}', 'dora@example.test')
        cut, changed, closed, held = waxwing.wait_until(lambda: len(names := self.box.queue_files('ims-ms')) == 4 and names, 'the files')
        self.qm('hold', held)
        top = os.path.join(self.box.root, 'queue')
        with open(os.path.join(top, cut), 'r+b') as file:
            file.truncate(os.path.getsize(file.name) - 1)
        with open(os.path.join(top, changed), 'r+b') as file:
            file.seek(file.read().index(b'Text of sight'))
            file.write(bytes(4))
        with open(os.path.join(top, held + '.HELD'), 'r+b') as file:
            file.truncate(10)
        shutil.copy(os.path.join(top, closed), os.path.join(top, os.path.dirname(closed), 'notes.txt'))
        strange = os.path.join(os.path.dirname(closed), 'notes.txt')
        self.addCleanup(os.unlink, os.path.join(top, strange))
        self.addCleanup(os.unlink, os.path.join(top, held + '.HELD'))
        # Where they are, with and without a look into each message.
        self.assertEqual(set(self.damaged()), {cut, held + '.HELD', strange})
        self.assertEqual(set(self.damaged('-verify', 'ims-ms')), {cut, changed, held + '.HELD', strange})
        self.assertEqual(self.damaged('-verify', 'tcp_local'), {})
        # Nobody knows whose it is: what is then done with all that was listed must not be done to it.
        listed = self.qm('directory', '-from=nobody@example.test', 'ims-ms')
        self.assertNotIn(os.path.basename(cut) + ' ', listed)
        self.assertIn(os.path.basename(cut) + ' ', self.qm('directory', 'ims-ms'))
        # Set aside, with every daemon that knows of them gone.
        self.box.command('imsimta', 'queue', 'start', 'ims-ms')
        aside = ['.damaged/' + name.replace('/', '_') for name in (cut, changed)]
        waxwing.wait_until(lambda: set(aside) <= set(self.damaged()), 'both to be set aside')
        waxwing.wait_until(lambda: self.box.queue_files('ims-ms') == [held + '.HELD'], 'the whole one to be delivered')
        status = self.box.command('start-msg', '--status').stdout
        self.assertIn('2 damaged queue files are set aside and not delivered: imsimta qm damaged', status)
        self.box.stop('job_controller')
        self.addCleanup(self.box.start, 'job_controller')
        rows = self.damaged()
        self.assertEqual({path: rows[path]['state'] for path in rows},
                         {aside[0]: 'aside', aside[1]: 'aside', held + '.HELD': 'unreadable', strange: 'strange'})
        self.assertEqual((rows[aside[0]]['file'], rows[aside[0]]['channel']), (cut, 'ims-ms'))
        self.assertRegex(rows[aside[0]]['since'], r'^20\d\d-')
        self.assertIn('checksum', rows[aside[1]]['why'])
        self.assertEqual((rows[aside[1]]['sender'], rows[aside[1]]['recipients']), ('alice@example.test', ['dora@example.test']))
        text = self.box.command('imsimta', 'qm', 'damaged', check=False).stdout
        for word in (*aside, 'channel ims-ms', 'set aside, ', 'from <alice@example.test>', 'then imsimta cache -sync', '4 damaged'):
            self.assertIn(word, text)
        # What is mended and moved back goes on its way.
        with open(os.path.join(top, aside[1]), 'r+b') as file:
            file.seek(file.read().index(b'\0\0\0\0 of sight'))
            file.write(b'Text')
        self.assertIn('nothing is wrong with it', self.box.command('imsimta', 'qm', 'damaged', check=False).stdout)
        os.rename(os.path.join(top, aside[1]), os.path.join(top, changed))
        os.unlink(os.path.join(top, aside[0]))
        self.box.start('job_controller')
        waxwing.wait_until(lambda: self.box.queue_files('ims-ms') == [held + '.HELD'], 'the mended one to be delivered')
        self.assertNotIn('damaged', self.box.command('start-msg', '--status').stdout)

    def test_what_cannot_be_read_is_told_by_the_status(self):
        path = os.path.join(self.box.root, 'queue/ims-ms/777')
        with open(path, 'w'):
            pass
        self.box.command('imsimta', 'cache', '-sync')
        status = self.box.command('start-msg', '--status').stdout
        self.assertIn('1 queue file or folder cannot be read and is not delivered: imsimta qm damaged', status)
        self.assertEqual(self.damaged()['ims-ms/777']['why'], 'a file, where a folder must be')
        os.unlink(path)
        self.box.command('imsimta', 'cache', '-sync')
        self.assertNotIn('cannot be read', self.box.command('start-msg', '--status').stdout)

    def test_qm_refuses_what_it_does_not_understand(self):
        for words in (['frobnicate'], ['hold'], ['read', 'ZZNOSUCHFILE.00'], ['directory', '-nonsense'],
                      ['directory', '-match=both'], ['hold', '99999']):
            outcome = self.box.command('imsimta', 'qm', *words, check=False)
            self.assertNotEqual(outcome.returncode, 0, words)
            self.assertTrue(outcome.stderr, words)


if __name__ == '__main__':
    waxwing.main()
