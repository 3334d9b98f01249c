#!/usr/bin/env python3
"""Input that nobody sends by mistake: name servers, hosts, tables, groups, addresses and headers made to hurt.

What all of it has in common: an answer of a bounded cost, a record that says what was wrong, nothing lost, and mail
of others that does not wait.
"""
import json
import os
import re

import fake_smtp
import nsd
import waxwing

FEW, NARROW = 10, 35    # MAX_CLIENT_THREADS of channel tcp_narrow, and the silent hosts of its domain
HOSTS = 1000           # MX records of one domain
SILENT = 120           # domains whose host accepts and never says a word: more than a client program delivers to at once
DATE = re.compile(r'\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d\.\d\d \S')
fake = good = silent = still = None


def zone(good_ip, silent_ip, still_ip):
    def numbered(name, count, address, live=None):
        return ''.join(f'{name} MX {n} h{n}.{name}\nh{n}.{name} A {good_ip if n == live else address(n)}\n' for n in range(1, count + 1))
    return (f'good.example A {good_ip}\n'
            + numbered('many.example', HOSTS, lambda n: f'127.7.{n // 250}.{n % 250 + 1}')
            + numbered('somewhere.example', HOSTS, lambda n: f'127.8.{n // 250}.{n % 250 + 1}', live=20)
            + 'round.example CNAME about.example\nabout.example CNAME round.example\n'
            + 'half.example MX 1 round.example\nhalf.example MX 2 good.example\n'
            + ''.join(f'chain{n}.example CNAME chain{n + 1}.example\n' for n in range(200))
            + ''.join(f's{n}.silent.example A {silent_ip}\n' for n in range(SILENT))
            + ''.join(f's{n}.narrow.example A {still_ip}\n' for n in range(NARROW)) + f'open.narrow.example A {good_ip}\n')


def setUpModule():
    global fake, good, silent, still
    fake = fake_smtp.FakeServer()
    waxwing.unittest.addModuleCleanup(fake.close)
    good, silent, still = fake.host(), fake.host(waits=True), fake.host(waits=True)
    names = nsd.NameServer(zone(good.address, silent.address, still.address))
    waxwing.unittest.addModuleCleanup(names.close)
    box = waxwing.share(waxwing.Sandbox())
    for option, value in {'pop.enable': '0', 'smtp.client.port': fake.port, 'dns.server': names.address}.items():
        box.set_option(option, value)
    box.edit('mappings', '\nFROM_ACCESS\n\n  *|circle@remote.example|*  $Cx$R\n  x*  $Cx$R$Cx\n  *|deep@remote.example|*  $|DEEP;$0|$Y\n\n'
             'DEEP\n\n  *  $|DEEP;$0|$Y\n')
    box.edit('local.rules', 'left.example $U%right.example\nright.example $U%left.example\n.narrow.example $U%$H.narrow.example@narrow-daemon\n')
    box.edit('imta.cnf', '\ntcp_narrow smtp_crlf mx single_sys identnonelimited pool SMTP_POOL\nnarrow-daemon\n')
    box.edit('tcp_narrow_option', f'MAX_CLIENT_THREADS={FEW}\n')
    box.command('imsimta', 'cnbuild')
    box.start()
    for name in ('joe', 'ann'):
        box.user(name, 'secret')


class BadInput(waxwing.TestCase):
    def tearDown(self):
        """Daemons live, and their logs are lines of text, whatever was said to them."""
        states = {name: state for name, (state, _) in self.box.status().items() if state != 'running'}
        self.assertEqual({k: v for k, v in states.items() if v != 'disabled'}, {})
        folder = os.path.join(self.box.root, 'log')
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), 'rb') as log:
                text = log.read()
            self.assertIsNone(re.search(rb'[\0-\x08\x0b-\x1f]', text), name)
            self.assertNotRegex(text.decode('utf-8', 'replace'), r'exception|worker\.gone .*drained=0|watcher\.dies')
            if name.startswith('mail.log'):
                self.assertEqual([line for line in text.decode().splitlines() if not DATE.match(line)], [])

    def send(self, to, text='Subject: x\r\n\r\nx\r\n', sender='joe@example.test', options=()):
        with self.box.smtp() as client:
            client.sendmail(sender, to, text, mail_options=options)

    def record(self, pattern):
        return waxwing.LogFollower(os.path.join(self.box.root, 'log', 'mail.log_current'), from_start=True).wait(pattern)

    def goes_through(self, subject, to='eve@good.example'):
        """A message of somebody else's arrives while things are bad."""
        self.send(to, f'Subject: {subject}\r\n\r\nx\r\n')
        good.wait(lambda: any(f'Subject: {subject}\r\n'.encode() in m.data for m in good.messages), subject)

    def inbox(self, user):
        client = self.box.imap(f'{user}@example.test', 'secret')
        try:
            client.select('INBOX', readonly=True)
            _, parts = client.uid('FETCH', '1:*', '(BODY.PEEK[])')
            return [p[1] for p in parts if isinstance(p, tuple)]
        finally:
            client.logout()

    def wait_inbox(self, user, words):
        """The message with these words in it, once it is there."""
        return waxwing.wait_until(lambda: [m for m in self.inbox(user) if words in m], words)[0]


class Names(BadInput):
    def test_a_domain_with_a_thousand_mx_records_costs_a_few_of_them(self):
        self.send('x@many.example')
        self.record(r'Q .*x@many\.example')
        with open(os.path.join(self.box.root, 'log', 'mail.log_current')) as log:
            tried = re.findall(r'\|(127\.7\.\d+\.\d+)\|\d+ ', log.read())
        self.assertEqual((len(tried), len(set(tried))), (32, 32))  # MAX_MX_RECORDS
        self.assertTrue(self.box.queue_files('tcp_local'))  # and it waits
        self.goes_through('beside-many')

    def test_the_one_of_a_thousand_that_answers_is_found(self):
        self.send('x@somewhere.example', 'Subject: found\r\n\r\nx\r\n')
        good.wait(lambda: any(b'Subject: found\r\n' in m.data for m in good.messages), 'the message at the twentieth host')

    def test_a_cname_that_leads_to_itself_is_an_answer_to_wait_for(self):
        self.send('x@round.example')
        self.send('x@chain0.example')
        for name in ('round', 'chain0'):
            self.assertIn('4.4.3 name server failure', self.record(rf'Q .*x@{name}\.example'))
        self.goes_through('beside-round')
        self.send('x@half.example', 'Subject: half\r\n\r\nx\r\n')  # its other host has an address
        good.wait(lambda: any(b'Subject: half\r\n' in m.data for m in good.messages), 'the message at the second host')

    def test_hosts_that_accept_and_never_answer_keep_nobody_waiting(self):
        for n in range(SILENT):
            self.send(f'x@s{n}.silent.example', f'Subject: silent-{n}\r\n\r\nx\r\n')
        silent.wait(lambda: silent.connections == SILENT, 'a connection for each domain')
        self.goes_through('beside-the-silent')
        self.assertEqual(silent.messages, [])
        silent.go_on()
        silent.wait(lambda: len(silent.messages) == SILENT, 'all its messages')

    def test_a_program_that_is_full_of_silent_hosts_gets_another_beside_it(self):
        for n in range(NARROW):
            self.send(f'x@s{n}.narrow.example', f'Subject: narrow-{n}\r\n\r\nx\r\n')
        still.wait(lambda: still.connections == NARROW, 'a connection for each domain')
        self.goes_through('beside-the-full', 'eve@open.narrow.example')
        jobs = [json.loads(line) for line in self.box.command('imsimta', 'qm', 'jobs', '-json', 'tcp_narrow').stdout.splitlines()]
        self.assertTrue(all(job['in_hand'] <= 2 * FEW for job in jobs), jobs)
        self.assertIn(sum(job['in_hand'] for job in jobs), (NARROW, NARROW + 1), jobs)
        self.assertEqual([job['state'] for job in jobs].count('full'), NARROW // FEW, jobs)
        self.goes_through('another-channel')
        still.go_on()
        still.wait(lambda: len(still.messages) == NARROW, 'all its messages')
        self.box.wait_queue_empty('tcp_narrow')


class Tables(BadInput):
    def refusal(self, sender, to='ann@example.test'):
        with self.box.smtp() as client:
            client.ehlo()
            client.mail(sender)
            answer = client.rcpt(to)
            self.assertEqual(client.rset()[0], 250)
        return answer

    def test_a_mapping_that_begins_again_for_ever(self):
        for sender in ('circle@remote.example', 'deep@remote.example'):
            with self.subTest(sender):
                with self.box.smtp() as client:
                    client.ehlo()
                    code, text = client.mail(sender)
                self.assertEqual((code, text[:5]), (450, b'4.3.5'), text)
        shown = self.box.command('imsimta', 'test', '-mapping', '-table=DEEP', 'x', check=False)
        self.assertIn('DEEP', shown.stdout + shown.stderr)
        self.assertNotEqual(shown.returncode, 0)
        self.goes_through('beside-circles')

    def test_rules_that_lead_to_each_other(self):
        code, text = self.refusal('joe@example.test', 'x@left.example')
        self.assertEqual(code, 550)
        self.assertIn(b'5.4.6', text)
        shown = self.box.command('imsimta', 'test', '-rewrite', 'x@left.example', check=False).stdout
        self.assertIn('rules that lead to each other', shown)
        for rule in ('left.example', 'right.example'):
            self.assertIn(f'{rule} (local.rules:', shown)

    def test_a_group_that_includes_itself(self):
        self.box.command('commadmin', 'group', 'create', '--name', 'snake', '--member', 'ann', '--member', 'snake@example.test')
        self.box.command('commadmin', 'group', 'create', '--name', 'other', '--member', 'joe')
        tail = 'cn=other,ou=Groups,o=example.test,o=isp'
        self.box.command('commadmin', 'group', 'modify', '--name', 'other', '--set', f'uniqueMember={tail}',
                         '--set', 'mgrpRFC822MailMember=snake@example.test')
        for to in ('snake@example.test', 'other@example.test'):
            self.send(to, f'Subject: to {to}\r\n\r\nx\r\n', 'a@remote.example')
            self.wait_inbox('ann', f'Subject: to {to}'.encode())
        self.box.wait_queue_empty('ims-ms')
        self.assertEqual(len([m for m in self.inbox('ann') if b'Subject: to snake@' in m]), 1)


class Messages(BadInput):
    def outcome(self, text):
        """(code, text) for a message as it stands."""
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@remote.example')
            client.rcpt('ann@example.test')
            answer = client.data(text)
            self.assertEqual(client.noop()[0], 250)
        return answer

    def test_a_header_line_of_a_megabyte(self):
        for size, code in ((1 << 20, 552), (900_000, 250)):
            with self.subTest(size):
                self.assertEqual(self.outcome(b'Subject: long-%d\r\nX-Long: ' % size + b'y' * size + b'\r\n\r\nx\r\n')[0], code)
        self.assertIn(b'X-Long: ' + b'y' * 900_000 + b'\r\n', self.wait_inbox('ann', b'Subject: long-900000'))

    def test_a_hundred_thousand_received_fields(self):
        self.assertEqual(self.outcome(b'Received: by a; Sun, 22 Nov 2026 05:00:00 +0000\r\n' * 100_000 + b'\r\nx\r\n')[0], 552)
        for count, status in ((80_000, b'5.6.0'), (9000, b'5.4.6')):  # within the size of a header; within the fields of one
            code, text = self.outcome(b'Received:x\r\n' * count + b'Subject: x\r\n\r\nx\r\n')
            self.assertEqual((code, text[:5]), (554, status), text)
            self.record('JE? .*' + status.decode().replace('.', r'\.'))

    def test_ten_thousand_nested_comments(self):
        deep = b'(' * 10_000 + b'in' + b')' * 10_000
        for name, field in ((b'whole', b'From: ' + deep + b' joe@example.test'), (b'open', b'From: ' + b'(' * 10_000 + b' joe@example.test'),
                            (b'many', b'To: ' + b'(x)' * 10_000 + b' ann@example.test'), (b'groups', b'Cc: ' + b'a:' * 10_000 + b';'),
                            (b'angles', b'Cc: ' + b'<' * 10_000 + b'ann@example.test' + b'>' * 10_000)):
            with self.subTest(name):
                self.assertEqual(self.outcome(field + b'\r\nSubject: comments-' + name + b'\r\n\r\nx\r\n')[0], 250)
                self.wait_inbox('ann', b'Subject: comments-' + name)
        with self.box.smtp() as client:
            client.ehlo()
            self.assertEqual(client.docmd('MAIL', 'FROM:<' + '(' * 400 + 'a' + ')' * 400 + '@remote.example>')[0], 501)
            self.assertEqual(client.docmd('MAIL', 'FROM:<' + '(' * 10_000)[0], 500)


class Addresses(BadInput):
    def test_local_parts_in_quotes(self):
        at_good = ('"a b"', '"a@b"', '"a\\"b"', '"<a>"', '".a..b."', '"a,b;c:d"', '"' + 'q' * 62 + '"', '"a|b"', '"a%b"', '"a!b"')
        for local in at_good:
            with self.subTest(local), self.box.smtp() as client:
                client.ehlo()
                client.docmd('MAIL', 'FROM:<joe@example.test>')
                self.assertEqual(client.docmd('RCPT', f'TO:<{local}@good.example>')[0], 250)
                self.assertEqual(client.data(b'Subject: x\r\n\r\nx\r\n')[0], 250)
                plain = local[1:-1] if re.fullmatch(r'"[\w|%!]+"', local) else local  # quotes that say nothing are left out
                same = {f'RCPT TO:<{text}@good.example>' for text in (local, plain)}
                good.wait(lambda: any(r.split('> ')[0].rstrip('>') + '>' in same for m in good.messages for r in m.rcpts), local)
        self.send('"joe"@example.test', 'Subject: quoted-joe\r\n\r\nx\r\n')  # the same as joe: RFC 5321 section 4.1.2
        self.send('"jo\\e"@example.test', 'Subject: escaped-joe\r\n\r\nx\r\n')
        for subject in (b'quoted-joe', b'escaped-joe'):
            self.wait_inbox('joe', b'Subject: ' + subject)

    def test_octets_that_are_not_ascii_and_nul(self):
        with self.box.smtp() as client:
            client.ehlo()
            for command in (b'MAIL FROM:<j\xf6e@remote.example>', b'MAIL FROM:<j\xc3\xb6e@remote.example>', b'MAIL FROM:<a\0b@remote.example>',
                            b'MAIL FROM:<"a\0b"@remote.example>', b'MAIL FROM:<a@remote\xff.example>', b'MAIL\0FROM:<a@b.example>',
                            b'MAIL FROM:<"a\x01b"@remote.example>', b'MAIL FROM:<a\x7f@remote.example>'):
                with self.subTest(command):
                    client.send(command + b'\r\n')
                    self.assertIn(client.getreply()[0], (500, 501, 553))
            client.send(b'MAIL FROM:<j\xc3\xb6e@remote.example> SMTPUTF8\r\n')
            self.assertEqual(client.getreply()[0], 250)

    def test_headers_with_octets_that_are_not_ascii_and_nul(self):
        text = b'From: J\xf6 <joe@example.test>\r\nTo: "\xff\xfe" <ann@example.test>\r\nX-Nul: a%sb\r\nSubject: octets-%d\r\n\r\nx\r\n'
        for n, (piece, codes) in enumerate(((b'\0', (250, 554)), (b'\x80', (250,)))):
            with self.subTest(piece), self.box.smtp() as client:
                client.ehlo()
                client.mail('a@remote.example', ['BODY=8BITMIME'])
                client.rcpt('ann@example.test')
                code, _ = client.data(text % (piece, n))
                self.assertIn(code, codes)
                if code == 250:
                    self.wait_inbox('ann', b'Subject: octets-%d' % n)


if __name__ == '__main__':
    waxwing.main()
