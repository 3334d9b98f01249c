#!/usr/bin/env python3
"""Circuits: messages that go out, come back and are counted; those that do not; and what others make up."""
import json
import os
import re
import subprocess

import fake_smtp
import waxwing

PASSWORD = 'correct horse'
CIRCUITS = '''! name    address                        what else
loop      watch@loop.test                interval=p10d
far       echo@far.test                  interval=p10d size=3000
twice     echo@far.test                  interval=p10d
hole      hole@far.test                  interval=p10d expires=1
owned     owned@far.test                 interval=p10d sender=boss@example.test
routed    @far.test:circuitcheck@example.test  interval=p10d
percents  circuitcheck%example.test@far.test   interval=p10d
nobody    nobody@example.test            interval=p10d
minute    watch@loop.test                interval=60
'''
fake = far = None


def setUpModule():
    global fake, far
    fake = fake_smtp.FakeServer()
    waxwing.unittest.addModuleCleanup(fake.close)
    far = fake.host(rcpt={'owned': '550 5.1.1 no such user'})
    box = waxwing.share(waxwing.Sandbox())
    # What this host sends to loop.test comes back to it by SMTP, and is for circuitcheck then.
    box.edit('local.rules', 'loop.test $Mcircuitcheck$U%$D@loop-daemon\nloop.test $Ncircuitcheck$U%$D@circuitcheck-daemon\n'
             'far.test $U%$D@far-daemon\n')
    box.edit('imta.cnf', f'\ntcp_loop smtp loopback nomx single_sys daemon [127.0.0.1] port {box.port("SMTP")}\nloop-daemon\n'
             f'\ntcp_far smtp nomx single_sys daemon [{far.address}] port {fake.port}\nfar-daemon\n')
    box.edit('aliases', 'circuitcheck: circuitcheck@circuitcheck-daemon\n')
    box.edit('option.dat', 'RETURN_ADDRESS=boss@example.test\nCIRCUITCHECK_COMPLETED_BINS=600,1200\n')
    box.edit('circuitcheck.cnf', CIRCUITS)
    out = box.command('imsimta', 'cnbuild').stdout
    assert 'nothing sends messages of circuits at their intervals' in out, out
    box.edit('job_controller.cnf', lambda text: re.sub(
        r'! (\[PERIODIC_JOB=circuitcheck\])\n! (COMMAND=.*)\n! TIME=.*\n', r'\1\n\2\nTIME=00:00/00:01\n', text))
    out = box.command('imsimta', 'cnbuild').stdout
    assert 'warning' not in out, out
    box.start()
    box.user('boss', PASSWORD)
    # All have been sent once, so that only what the tests send, and the circuit that is due each minute, follows.
    log = box.log('circuitcheck', from_start=True)
    send_round(box)
    log.wait(r'circuitcheck\.returned .*circuit=loop number=1 ')
    waxwing.wait_until(lambda: send_round(box) and log.read() and any('circuitcheck.warning circuit=hole' in line for line in log.lines),
                       'the first message of hole to be lost', pause=0.1)
    box.wait_queue_empty()
    box.command('imsimta', 'circuitcheck', '-clear')


def send_round(box):
    """As the periodic job does."""
    return subprocess.run([os.path.join(waxwing.STAGE, 'bin', 'circuitcheck'), '--instance', box.root, '-send'], capture_output=True,
                          text=True, timeout=waxwing.DEADLINE)


class Circuitcheck(waxwing.TestCase):
    def setUp(self):
        self.log = self.box.log('circuitcheck')

    def send(self, name):
        """Answers the message's number."""
        out = self.box.command('imsimta', 'circuitcheck', name).stdout
        return int(re.fullmatch(rf'{name}: message (\d+) is on its way as \S+\n', out)[1])

    def figures(self, name):
        rows = [json.loads(line) for line in self.box.command('imsimta', 'circuitcheck', '-json').stdout.splitlines()]
        return next(row for row in rows if row['circuit'] == name)

    def check(self, name, **expected):
        figures = self.figures(name)
        self.assertEqual({key: figures[key] for key in expected}, expected, figures)

    def at_far(self, name, number):
        return self.message_at_far(name, number).data.decode()

    def message_at_far(self, name, number):
        """The message as the other host has it."""
        subject = f'Subject: Circuit check {name}, message {number}\r\n'.encode()

        def found():
            return next((message for message in far.messages if subject in message.data), None)
        far.wait(found, f'message {number} of {name}')
        return found()

    def test_addresses_that_have_the_way_in_them(self):
        for name, to in (('routed', '@far.test:circuitcheck@example.test'), ('percents', 'circuitcheck%example.test@far.test')):
            with self.subTest(name):
                number = self.send(name)
                message = self.message_at_far(name, number)
                self.assertEqual(message.rcpts, [f'RCPT TO:<{to}>'])
                self.come_back(message.data.decode())
                self.back('returned', name, number)

    def come_back(self, text, sender=''):
        with self.box.smtp() as client:
            client.sendmail(sender, ['circuitcheck@example.test'], text)

    def back(self, event, name, number):
        return self.log.wait(rf'circuitcheck\.{event} .*circuit={name} number={number} ')

    def test_a_message_comes_back_by_this_hosts_own_port(self):
        number = self.send('loop')
        self.assertRegex(self.back('returned', 'loop', number), r' ms=\d+$')
        self.check('loop', sent=1, returned=1, outstanding=0, lost=0, duplicates=0, to='watch@loop.test')
        figures = self.figures('loop')
        self.assertEqual(figures['bins'], [{'seconds': 600, 'count': 1}, {'seconds': 1200, 'count': 0}, {'count': 0}])
        self.assertEqual(figures['last_ms'], figures['total_ms'])
        table = self.box.command('imsimta', 'circuitcheck').stdout
        self.assertRegex(table, r'(?m)^loop +1 +1 +0 +0 +0 +0 +\d+\.\d s +\d+\.\d s\n    back within  600 s: 1  1200 s: 0  more: 0$')

    def test_figures_are_there_after_a_restart(self):
        number = self.send('far')
        text = self.at_far('far', number)
        self.assertGreater(len(text), 3000)
        self.box.command('imsimta', 'restart')
        self.come_back(text)
        self.back('returned', 'far', number)
        self.check('far', sent=1, returned=1, outstanding=0)

    def test_a_message_is_counted_once_and_its_copies_as_duplicates(self):
        number = self.send('twice')
        text = self.at_far('twice', number)
        self.check('twice', sent=1, returned=0, outstanding=1)
        self.come_back(text)
        self.back('returned', 'twice', number)
        self.come_back(text)
        self.back('duplicate', 'twice', number)
        # An answer that names the message does as well as the message.
        id = re.search(r'(?m)^Message-ID: (<.*>)\r$', text)[1]
        self.come_back(f'From: echo@far.test\r\nSubject: Re: x\r\nIn-Reply-To: {id}\r\n\r\nhere\r\n', 'echo@far.test')
        waxwing.wait_until(lambda: self.figures('twice')['duplicates'] == 2, 'the second duplicate')
        self.check('twice', sent=1, returned=1, outstanding=0)
        # One of before the figures began is no duplicate.
        old = self.at_far('twice', 1)
        self.come_back(old)
        self.back('unknown', 'twice', 1)
        self.check('twice', sent=1, returned=1, duplicates=2)
        self.box.wait_queue_empty('circuitcheck')

    def test_what_others_make_up_changes_nothing(self):
        number = self.send('far')
        text = self.at_far('far', number)
        before = self.figures('far')
        token = re.search(r'(?m)^Circuit-Check: (\S+)\r$', text)[1]
        forged = token[:-1] + ('0' if token[-1] != '0' else '1')
        alice = self.box.user('alice', PASSWORD)
        self.come_back(text.replace(token, forged), alice)
        self.assertIn(f'from={alice}', self.log.wait(r'circuitcheck\.forged '))
        self.come_back(text.replace(token, token.replace(f'.{number}.', f'.{number + 1}.')), alice)
        # A report holds the message that it is about.
        self.come_back(f'Subject: failed\r\nReferences: <{token}@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; '
                       f'report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n{text}\r\n--b--\r\n')
        self.log.wait(r'circuitcheck\.report ')
        # Nor does who wrote there without one hear of it: the sender may be anybody's name.
        self.come_back(f'From: {alice}\r\nSubject: hello\r\n\r\nwho are you?\r\n', alice)
        self.log.wait(r'circuitcheck\.stranger ')
        self.box.wait_queue_empty('circuitcheck')
        with self.box.imap('alice', PASSWORD) as client:
            self.assertEqual(client.select('INBOX')[1], [b'0'])
        self.assertEqual(self.figures('far'), before)
        self.come_back(text)
        self.back('returned', 'far', number)

    def lose(self):
        """A message that is lost: its number."""
        number = self.send('hole')
        self.at_far('hole', number)

        def is_lost():
            self.assertEqual(send_round(self.box).stderr, '')
            self.log.read()
            return any(re.search(rf'circuitcheck\.lost circuit=hole number={number} .*to=hole@far\.test', line) for line in self.log.lines)
        waxwing.wait_until(is_lost, 'the message to be lost', pause=0.1)
        return number

    def test_what_does_not_come_back_is_lost_and_the_postmaster_warned_once(self):
        log = self.box.log('circuitcheck')
        first = self.lose()
        log.wait(r'circuitcheck\.warning circuit=hole .*to=boss@example\.test')
        self.check('hole', sent=1, returned=0, outstanding=0, lost=1)
        second = self.lose()
        self.check('hole', sent=2, returned=0, outstanding=0, lost=2)
        self.assertEqual(self.warnings(2), 2)  # one of the first round
        with self.box.imap('boss', PASSWORD) as client:
            client.select('INBOX')
            text = client.fetch(self.found(client)[1], '(BODY.PEEK[])')[1][0][1].decode()
        self.assertIn(f'    message {first}, sent ', text)
        self.assertIn('    hole@far.test\r\n', text)
        self.assertIn('The last one that came back did so never.', text)
        # Late is not lost; and then a new loss is news.
        self.come_back(self.at_far('hole', second))
        self.assertRegex(self.back('returned', 'hole', second), r' late=1$')
        self.check('hole', sent=2, returned=1, outstanding=0, lost=1)
        self.lose()
        self.assertEqual(self.warnings(3), 3)

    def found(self, client):
        return client.search(None, 'SUBJECT', '"Circuit hole: messages do not come back"')[1][0].split()

    def warnings(self, count):
        def enough():
            with self.box.imap('boss', PASSWORD) as client:
                client.select('INBOX')
                found = len(self.found(client))
            return found if found >= count else None
        waxwing.wait_until(enough, f'{count} warnings')
        self.box.wait_queue_empty('process')
        return enough()

    def test_a_sender_hears_of_what_another_host_refused(self):
        self.send('owned')
        waxwing.wait_until(self.owned_report, 'a report')

    def owned_report(self):
        with self.box.imap('boss', PASSWORD) as client:
            client.select('INBOX')
            return client.search(None, 'BODY', '"owned@far.test"')[1][0]

    def test_what_cannot_be_sent_says_why(self):
        out = self.box.command('imsimta', 'circuitcheck', 'nobody', check=False)
        self.assertEqual((out.returncode, out.stdout), (1, ''))
        self.assertRegex(out.stderr, r'^nobody: not sent to nobody@example\.test: 550 5\.1\.1 ')
        self.log.wait(r'circuitcheck\.unsent circuit=nobody .*why="550 5\.1\.1')
        self.check('nobody', sent=0, unsent=1, outstanding=0)

    def test_the_periodic_job_sends_what_is_due(self):
        self.log.wait(r'circuitcheck\.sent circuit=minute ', deadline=3 * waxwing.DEADLINE)
        self.log.wait(r'circuitcheck\.returned .*circuit=minute ')

    def test_what_is_wrong_is_not_published(self):
        self.box.edit('circuitcheck.cnf', 'loop a@b.test\nother a@@b\n', until=self)
        out = self.box.command('imsimta', 'cnbuild', '-check', check=False)
        self.assertEqual(out.returncode, 1)
        self.assertIn('circuitcheck.cnf:11: there is another circuit loop', out.stderr)
        self.assertIn('circuitcheck.cnf:12: "a@@b" is no address', out.stderr)

    def test_words_of_the_command(self):
        for words, expected in ((('none',), 'there is no circuit "none"'), (('-clear', 'none'), 'there is no circuit "none"'),
                                (('-json', 'loop'), 'usage: '), (('-x',), '"-x" is not understood')):
            with self.subTest(words):
                out = self.box.command('imsimta', 'circuitcheck', *words, check=False)
                self.assertEqual(out.returncode, 1)
                self.assertIn(expected, out.stderr)


if __name__ == '__main__':
    waxwing.main()
