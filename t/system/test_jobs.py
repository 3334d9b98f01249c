#!/usr/bin/env python3
"""What the job controller does beyond delivering at once: mail on demand, changes while it runs, periodic jobs."""
import json
import os
import re
import signal
import smtplib

import fake_smtp
import waxwing

fake = host = deep = None


def setUpModule():
    global fake, host, deep
    fake = fake_smtp.FakeServer()
    waxwing.unittest.addModuleCleanup(fake.close)
    host, deep = fake.host(), fake.host(waits=True)
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')
    box.set_option('smtp.client.port', fake.port)
    config = os.path.join(box.root, 'config')
    with open(os.path.join(config, 'local.rules'), 'a') as rules, open(os.path.join(config, 'imta.cnf'), 'a') as cnf:
        rules.write('.dial.test $U%$H.dial.test@dial-daemon\n.deep.test $U%$H.deep.test@deep-daemon\nhere.test $U%here.test@native-daemon\n')
        for n, keyword in enumerate(('allowetrn', 'domainetrn', 'silentetrn', 'disableetrn'), 1):
            rules.write(f'[127.9.0.{n}] $E$R$U%[127.9.0.{n}]@in{n}-daemon\n')
            cnf.write(f'\ntcp_in{n} smtp allowswitchchannel {keyword}\nin{n}-daemon\n')
        cnf.write(f'\ntcp_deep smtp single_sys nomx daemon [{deep.address}]\ndeep-daemon\n')
        cnf.write(f'\ntcp_moved smtp single_sys nomx daemon [{host.address}]\nmoved-daemon\n')
        cnf.write(f'\ntcp_dial smtp slave single_sys nomx daemon [{host.address}]\ndial-daemon\n')
    box.edit('job_controller.cnf', '\n[PERIODIC_JOB=mark]\nCOMMAND=imsimta version\nTIME=00:00/00:01\n')
    box.command('imsimta', 'cnbuild')
    box.start()


class Jobs(waxwing.TestCase):
    def imsimta(self, *words, **more):
        return self.box.command('imsimta', *words, **more).stdout

    def send(self, to):
        with self.box.smtp() as client:
            client.sendmail('alice@example.test', to, f'From: alice@example.test\r\nTo: {to}\r\nSubject: x\r\n\r\nx\r\n')

    def states(self):
        return re.findall(r'^tcp_dial/\S+ +(\S+) +(\S+)', self.imsimta('cache', '-view', 'tcp_dial'), re.M)

    def test_mail_on_demand_waits_until_it_is_asked_for(self):
        before = len(host.messages)
        for to in ('joe@one.dial.test', 'ann@two.dial.test'):
            self.send(to)
        waxwing.wait_until(lambda: len(self.states()) == 2, 'two messages in memory')
        self.assertEqual([state for _, state in self.states()], ['on-demand'] * 2)
        names = [name for name, _ in self.states()]
        self.assertEqual(len(host.messages), before)
        self.assertIn('0 deliveries', self.imsimta('run', 'tcp_dial', 'three.dial.test'))
        self.assertRegex(self.imsimta('run', 'tcp_dial', names[0]), r'^[12] deliver')
        waxwing.wait_until(lambda: len(host.messages) > before, 'a message at the host')
        self.imsimta('run', 'tcp_dial')
        self.box.wait_queue_empty('tcp_dial')
        waxwing.wait_until(lambda: len(host.messages) == before + 2, 'both messages at the host')
        self.assertIn('0 disagreements', self.imsimta('cache', '-walk'))
        refused = self.box.command('imsimta', 'run', 'tcp_nobody', check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn('no channel tcp_nobody', refused.stderr)

    def test_a_program_that_ends_while_a_host_is_silent_holds_up_no_other_mail(self):
        silent, good = fake.host(waits=True), fake.host()
        log = self.box.log('job_controller')
        self.send(f'joe@[{silent.address}]')
        silent.wait(lambda: silent.connections == 1, 'a connection')
        old = re.search(r'job\.started channel=tcp_local pid=(\d+)', log.wait(r'job\.started channel=tcp_local ')).group(1)
        self.imsimta('reload')
        jobs = lambda: re.findall(r'^tcp_local +\S+ +(\d+) +(\S+)', self.imsimta('qm', 'jobs'), re.M)
        waxwing.wait_until(lambda: (old, 'ending') in jobs(), 'the program to end')
        self.send(f'ann@[{good.address}]')
        good.wait_messages(1)
        self.assertIn((old, 'ending'), jobs())
        self.assertEqual([one['step'] for one in self.deliveries(silent)], ['greeting'])  # though it is ending
        silent.go_on()
        silent.wait_messages(1)
        self.box.wait_queue_empty('tcp_local')

    def deliveries(self, host, channel='tcp_local'):
        """What qm jobs shows of those to a host."""
        rows = [json.loads(line) for line in self.imsimta('qm', 'jobs', '-json', channel).splitlines()]
        return [delivery for row in rows for delivery in row['deliveries'] if host.address in delivery['peer']]

    def test_each_delivery_tells_what_it_waits_for(self):
        slow = fake.host(slow=True)
        self.addCleanup(slow.answers.release, 100)
        self.send(f'joe@[{slow.address}]')
        for step in ('greeting', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'answer'):
            one = waxwing.wait_until(lambda: [one for one in self.deliveries(slow) if one['step'] == step], f'the step {step}')[0]
            slow.answers.release()
        self.assertEqual(one['host'], f'[{slow.address}]')
        self.assertRegex(one['file'], rf"^tcp_local/\d{{3}}/ZZ{one['id']}\.\d+$")
        self.assertRegex(one['begun'], r'^20\d\d-\d\d-\d\dT')
        self.assertLessEqual(one['begun'], one['step_since'])
        slow.wait_messages(1)
        waxwing.wait_until(lambda: not self.deliveries(slow), 'the delivery to be over')

    def test_one_that_hangs_is_listed_without(self):
        silent = fake.host(waits=True)
        self.addCleanup(silent.go_on)
        self.send(f'joe@[{silent.address}]')
        waxwing.wait_until(lambda: self.deliveries(silent), 'the delivery')
        pids = [int(pid) for pid in re.findall(r'^tcp_local +\S+ +(\d+) ', self.imsimta('qm', 'jobs', 'tcp_local'), re.M)]
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            shown = self.imsimta('qm', 'jobs', 'tcp_local')
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        for pid in pids:
            self.assertRegex(shown, rf'(?m)^tcp_local +\S+ +{pid} ')
        self.assertNotIn(silent.address, shown)
        silent.go_on()
        silent.wait_messages(1)

    def test_the_listing_for_the_eye_names_message_host_and_step(self):
        silent = fake.host(waits=True)
        self.addCleanup(silent.go_on)
        self.send(f'joe@[{silent.address}]')
        one = waxwing.wait_until(lambda: self.deliveries(silent), 'the delivery')[0]
        shown = self.imsimta('qm', 'jobs', 'tcp_local')
        self.assertRegex(shown, rf"(?m)^    {one['id']} +\w+ +since \S+ \S+  \S+ \[{re.escape(silent.address)}\]; begun \S+ \S+$")
        silent.go_on()
        silent.wait_messages(1)

    def route(self, channel):
        """Mail for the domain moved.test goes there from now on."""
        rules = os.path.join(self.box.root, 'config', 'local.rules')
        with open(rules) as file:
            lines = [line for line in file.read().splitlines() if not line.startswith('.moved.test')]
        with open(rules, 'w') as file:
            file.write('\n'.join(lines + [f'.moved.test $U%$H.moved.test@{channel}-daemon', '']))
        self.imsimta('cnbuild')
        self.imsimta('reload')

    def test_mail_that_waits_goes_elsewhere(self):
        before = len(host.messages)
        self.imsimta('queue', 'stop', 'tcp_deep')
        self.addCleanup(self.imsimta, 'queue', 'start', 'tcp_deep')
        self.route('deep')
        self.send('joe@r.moved.test')
        self.send('ann@r.moved.test')
        self.route('moved')
        self.imsimta('qm', 'directory', 'tcp_deep')
        self.imsimta('qm', 'hold', '1')
        self.assertEqual(self.imsimta('qm', 'reroute', '-all').count('%QM-I-REROUTED'), 2)
        waxwing.wait_until(lambda: len(host.messages) == before + 2, 'both messages at the new host')
        waxwing.wait_until(lambda: not self.box.queue_files('reprocess') + self.box.queue_files('tcp_moved'), 'empty channels')
        self.assertEqual(self.box.queue_files('tcp_deep'), [])
        self.assertIn('0 disagreements', self.imsimta('cache', '-walk'))

    def etrn(self, client, *commands):
        """What a session from the channel tcp_in<client> is answered."""
        with smtplib.SMTP('127.0.0.1', self.box.port('SMTP'), source_address=(f'127.9.0.{client}', 0)) as session:
            self.assertEqual('etrn' in session.ehlo('x.test')[1].decode().lower().split(), client != 4)
            return [session.docmd('ETRN', text) for text in commands]

    def test_a_host_asks_for_its_mail(self):
        before = len(host.messages)
        self.send('joe@etrn.dial.test')
        waxwing.wait_until(lambda: ('etrn.dial.test', 'on-demand') in self.states(), 'a message that waits')
        (code, text), (again, _) = self.etrn(1, 'etrn.dial.test', 'etrn.dial.test')
        self.assertEqual((code, again), (253, 458), text)
        self.assertIn(b'1 pending messages for etrn.dial.test started, channel tcp_dial', text)
        waxwing.wait_until(lambda: len(host.messages) == before + 1, 'the message at the host')
        self.box.wait_queue_empty('tcp_dial')
        self.assertEqual(self.etrn(1, 'etrn.dial.test')[0][0], 251)

        self.send('ann@below.etrn.dial.test')
        waxwing.wait_until(lambda: self.states(), 'a message that waits')
        self.assertEqual(self.etrn(2, '#tcp_dial')[0][0], 459)
        self.assertEqual(self.etrn(2, '@etrn.dial.test')[0][0], 253)
        self.box.wait_queue_empty('tcp_dial')

        self.send('bob@etrn.dial.test')
        waxwing.wait_until(lambda: self.states(), 'a message that waits')
        self.assertEqual(self.etrn(3, '#tcp_dial')[0], (250, b'2.0.0 Ok, queuing started'))
        self.box.wait_queue_empty('tcp_dial')

    def test_what_is_no_etrn(self):
        self.assertEqual(self.etrn(4, 'etrn.dial.test')[0][0], 502)
        for bad in ('', '@', 'a b', 'x' * 300, 'x\x7f'):
            with self.subTest(bad):
                self.assertEqual(self.etrn(1, bad)[0][0], 501)
        self.assertEqual(self.etrn(1, '#no_such_channel')[0][0], 458)

    def change(self, *words, back):
        """imsimta cache -change, and the other values at the end of the test."""
        self.addCleanup(self.imsimta, 'cache', '-change', words[0], *back)
        return self.imsimta('cache', '-change', *words)

    def test_most_messages_in_memory_is_changed_while_it_runs(self):
        log = self.box.log('job_controller')
        self.assertIn('max_messages is 100 now', self.change('-global', '-max_messages=100', back=['-max_messages=100000']))
        log.wait(r'job\.changed scope=global .*option=max_messages value=100 ?')
        with self.box.smtp() as client:
            for n in range(105):
                client.sendmail('alice@example.test', f'u{n}@many.dial.test', 'Subject: x\r\n\r\nx\r\n')
        self.assertEqual(len(self.box.queue_files('tcp_dial')), 105)
        waxwing.wait_until(lambda: '100 messages in memory, 0 disagreements' in self.imsimta('cache', '-walk'), '100 of 105 messages in memory')
        self.imsimta('cache', '-change', '-global', '-max_messages=500')
        waxwing.wait_until(lambda: len(self.states()) == 105, 'all of them in memory')
        self.imsimta('run', 'tcp_dial')
        self.box.wait_queue_empty('tcp_dial')

    def test_how_many_connections_a_backlog_gets_is_changed_while_it_runs(self):
        self.change('-channel=tcp_deep', '-thread_depth=100', back=['-thread_depth=10'])
        for n in range(3):
            self.send(f'joe{n}@one.deep.test')
        deep.wait(lambda: deep.connections > 0, 'a connection')
        active = lambda: re.findall(r'^tcp_deep/\S+ +\S+ +(\S+)', self.imsimta('cache', '-view', 'tcp_deep'), re.M).count('active')
        waxwing.wait_until(lambda: self.imsimta('cache', '-view', 'tcp_deep').count('one.deep.test') == 3, 'three messages in memory')
        self.assertEqual(active(), 1)
        self.assertIn('thread_depth is 1', self.imsimta('cache', '-change', '-channel=tcp_deep', '-thread_depth=1'))
        deep.wait(lambda: deep.connections == 3, 'three connections')
        self.assertEqual(active(), 3)
        deep.go_on()
        self.box.wait_queue_empty('tcp_deep')

    def test_the_program_of_a_channel_is_changed_while_it_runs(self):
        log = self.box.log('job_controller')
        self.change('-channel_template=native*', '-master_job=no_such_program', back=['-master_job=IMTA_EXE:native_master'])
        self.send('joe@here.test')
        log.wait(r'job\.start_failed channel=native why=.*no_such_program')
        self.assertEqual(len(self.box.queue_files('native')), 1)
        self.imsimta('cache', '-change', '-channel_template=native*', '-master_job=bitbucket')
        self.box.wait_queue_empty('native')

    def test_changes_that_make_no_sense(self):
        for words in ((), ('-global',), ('-global', '-max_messages=3'), ('-global', '-job_limit=3'), ('-channel=none', '-job_limit=3'),
                      ('-job_limit=3',), ('-channel=tcp_dial', '-job_limit=none'), ('-channel_template=x', '-master_job=y')):
            with self.subTest(words):
                self.assertEqual(self.box.command('imsimta', 'cache', '-change', *words, check=False).returncode, 1)

    def test_a_periodic_job_runs(self):
        log = self.box.log('job_controller', from_start=True)
        log.wait(r'job\.periodic_started job=mark', deadline=waxwing.DEADLINE + 60)
        log.wait(r'job\.periodic_ended job=mark how="exit 0"')


if __name__ == '__main__':
    waxwing.main()
