#!/usr/bin/env python3
"""Three hosts between the Internet and the users: a relay for what comes in, a hub with the mailboxes, a relay for what goes out.

                 outside 10.77.1.0/24                        inside 10.77.2.0/24
   sender .30 ──► in.corp.example .10 ─────────────────────► mail.corp.example .20 (store, directory)
   partners .31-.34 ◄── out.corp.example .11 ◄───────────────┘
   name server .53, in both

Each host is a network namespace; nothing but the relays and the name server is in both networks. All three read the
hub's directory over LDAP, so that the relay that takes mail knows who there is and which host has the mailbox.
"""
import os
import re
import smtplib

import fake_smtp
import namespaces
import nsd
import waxwing

PASSWORD = 'correct horse'
IN, OUT, HUB, DNS, SENDER = '10.77.1.10', '10.77.1.11', '10.77.2.20', '10.77.1.53', '10.77.1.30'
PARTNERS = {'good': '10.77.1.31', 'second': '10.77.1.32', 'slow': '10.77.1.33', 'grey': '10.77.1.34'}
DEAD, GONE = '10.77.1.66', '10.77.1.67'  # nobody has them
ZONE = f'''
corp.example        MX 5 away.corp.example.
corp.example        MX 10 in.corp.example.
away.corp.example   A {GONE}
in.corp.example     A {IN}
in.corp.example     A 10.77.2.10
10.2.77.10.in-addr.arpa PTR in.corp.example.
mail.corp.example   A {HUB}
out.corp.example    A 10.77.2.11
good.example           MX 10 mx.good.example.
mx.good.example        A {PARTNERS['good']}
failover.example       MX 10 dead.failover.example.
failover.example       MX 20 second.failover.example.
dead.failover.example  A {GONE}
second.failover.example A {PARTNERS['second']}
dead.example           MX 10 mx.dead.example.
mx.dead.example        A {DEAD}
slow.example           MX 10 mx.slow.example.
mx.slow.example        A {PARTNERS['slow']}
grey.example           A {PARTNERS['grey']}
'''
# What is for others goes from the hub to the relay, whatever its domain.
HUB_CHANNEL = '\ntcp_out smtp_crlf nomx daemon out.corp.example pool SMTP_POOL\nout-daemon\n'

places, boxes, partners, names = {}, {}, {}, None


def setUpModule():
    namespaces.skip_without()
    global names
    net = namespaces.Network()
    waxwing.unittest.addModuleCleanup(net.remove)
    places.update(
        dns=net.host('dns', outside=DNS, inside='10.77.2.53'), world=net.host('world', outside=[SENDER, *PARTNERS.values()]),
        inbound=net.host('inbound', outside=IN, inside='10.77.2.10'), hub=net.host('hub', inside=HUB),
        outbound=net.host('outbound', outside=OUT, inside='10.77.2.11'))
    names = nsd.NameServer(ZONE, [DNS, '10.77.2.53'], 53, places['dns'])
    waxwing.unittest.addModuleCleanup(names.close)
    fake = fake_smtp.FakeServer(places['world'].listen('0.0.0.0'))
    waxwing.unittest.addModuleCleanup(fake.close)
    for name, address in {**PARTNERS, 'dead': DEAD}.items():
        partners[name] = fake.host(address, name=name, waits=name == 'slow', greylists=name == 'grey',
                                   rcpt={'unknown': '550 5.1.1 never heard of'})
    set_up_hub()
    set_up_relay('inbound', 'in.corp.example')
    set_up_relay('outbound', 'out.corp.example')
    for name in ('hub', 'inbound', 'outbound'):
        with places[name]:
            boxes[name].start()
    for name in ('joe', 'ann'):
        boxes['hub'].user(name, PASSWORD)


def sandbox(name, **options):
    box = boxes[name] = waxwing.Sandbox(domain='corp.example', name=name)
    waxwing.unittest.addModuleCleanup(box.remove)
    for option, value in {'local.listenaddr': '*', 'smtp.port': '25', 'dns.server': '10.77.2.53@53', **options}.items():
        box.set_option(option, value)
    return box


def publish(box):
    """What is tried again is tried at once."""
    box.edit('imta.cnf', lambda old: old.replace('backoff pt5m pt15m pt30m pt1h pt2h pt4h', 'backoff pt1s', 1))
    box.command('imsimta', 'cnbuild')


def set_up_hub():
    box = sandbox('hub', **{'pop.enable': '0'})
    box.edit('imta.cnf', lambda old: re.sub(r'^\. .*@tcp-daemon$', '. $U%$H@out-daemon', old, flags=re.M) + HUB_CHANNEL)
    box.edit('imta.cnf', lambda old: old.replace('identnonelimited', 'identnone'))  # it looks names of clients up
    publish(box)
    # Its directory is for the other hosts too.
    box.edit('../directory/url', lambda socket: f'{socket.strip()} ldap://{HUB}:389\n')


def set_up_relay(name, host_name):
    box = sandbox(name, **{'local.hostname': host_name, 'store.enable': '0', 'imap.enable': '0', 'pop.enable': '0'})
    hub = boxes['hub']
    with open(os.path.join(hub.root, 'config', 'secrets.conf')) as secrets:
        box.edit('secrets.conf', lambda _: secrets.read())
    box.set_option('directory.enable', '0')
    box.set_option('directory.urls', f'ldap://{HUB}:389')
    # Who is inside may relay.
    box.edit('mappings', lambda old: old.replace('INTERNAL_IP\n\n', 'INTERNAL_IP\n\n  $(10.77.2.0/24)   $Y\n', 1))
    publish(box)


class Topology(waxwing.TestCase):
    def tearDown(self):
        for name, box in boxes.items():
            with self.subTest(name):
                box.wait_queue_empty()

    def to_world(self, to, subject):
        """From joe, by authenticated submission at the hub."""
        with places['hub'], boxes['hub'].submit('joe@corp.example', PASSWORD) as client:
            client.sendmail('joe@corp.example', to, f'From: joe@corp.example\r\nSubject: {subject}\r\n\r\nx\r\n')

    def stranger(self, relay=IN):
        with places['world']:
            return smtplib.SMTP(relay, 25, 'mx.good.example', timeout=waxwing.DEADLINE, source_address=(SENDER, 0))

    def from_world(self, to, subject):
        with self.stranger() as client:
            client.sendmail('eve@good.example', to, f'From: eve@good.example\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nx\r\n')

    def headers(self, user, subject):
        """Of the messages of that subject in the mailbox."""
        with places['hub']:
            client = boxes['hub'].imap(f'{user}@corp.example', PASSWORD)
            try:
                client.select('INBOX', readonly=True)
                _, parts = client.uid('FETCH', '1:*', '(BODY.PEEK[HEADER])')
            finally:
                client.logout()
        found = [p[1].decode() for p in parts if isinstance(p, tuple)]
        return [header for header in found if re.search(rf'^Subject: {subject}', header, re.M)]

    def wait_mail(self, user, subject, count=1):
        found = waxwing.wait_until(lambda: self.enough(user, subject, count), f'{count} times {subject} for {user}')
        self.assertEqual(len(found), count)
        return found[0]

    def enough(self, user, subject, count):
        found = self.headers(user, subject)
        return found if len(found) >= count else None

    def wait_partner(self, name, subject):
        """The message of that subject at the partner, once it is there."""
        host, wanted = partners[name], f'Subject: {subject}\r\n'.encode()
        there = lambda: [m for m in host.messages if wanted in m.data]
        host.wait(there, f'{subject} at {name}')
        found, = there()
        return found

    def record(self, name, pattern):
        """The first line of a host's mail.log that fits, written or to come."""
        return waxwing.LogFollower(os.path.join(boxes[name].root, 'log', 'mail.log_current'), from_start=True).wait(pattern)

    def try_again(self, name, channel):
        """A host that was down is left alone for a while, unless somebody says that it is back."""
        self.assertRegex(boxes[name].command('imsimta', 'run', channel).stdout, '^[1-9]')

    # ---- the two ways ----
    def test_mail_from_outside_comes_through_the_relay_into_the_mailbox(self):
        self.assertEqual(names.ask('corp.example', 'MX'), ['10 in.corp.example.', '5 away.corp.example.'])
        self.from_world('joe@corp.example', 'inbound')
        header = self.wait_mail('joe', 'inbound')
        ways = re.findall(r'^Received: (from .*?) (?:with|via)', re.sub(r'\r\n\s+', ' ', header), re.M)
        self.assertEqual([way.split(' by ')[1].split()[0] for way in ways], ['mail.corp.example', 'in.corp.example'])

    def test_the_name_server_of_the_site_knows_names_of_private_addresses(self):
        """Nobody waits for the name of a client: a later message of the session has it."""
        with places['inbound']:
            client = smtplib.SMTP(HUB, 25, 'relay', timeout=waxwing.DEADLINE)
        self.addCleanup(client.close)

        def named():
            client.sendmail('eve@good.example', 'ann@corp.example', 'Subject: who are you\r\n\r\nx\r\n')
            return any('(in.corp.example [10.77.2.10])' in header for header in self.headers('ann', 'who are you'))
        waxwing.wait_until(named, 'the name of 10.77.2.10')

    def test_the_relay_knows_who_there_is_and_relays_for_nobody(self):
        for relay, expected in ((IN, {'nobody@corp.example': 550, 'a@good.example': 550, 'ann@corp.example': 250}),
                                (OUT, {'a@good.example': 550})):
            with self.stranger(relay) as client:
                client.ehlo()
                client.mail('eve@good.example')
                for to, code in expected.items():
                    with self.subTest(relay, to=to):
                        self.assertEqual(client.rcpt(to)[0], code)

    def test_mail_to_the_world_goes_through_the_other_relay(self):
        self.to_world('eve@good.example', 'outbound')
        message = self.wait_partner('good', 'outbound')
        self.assertEqual(set(partners['good'].peers), {OUT})
        self.assertEqual(re.findall(rb'\sby (\S+)', message.data), [b'out.corp.example', b'mail.corp.example'])

    def test_what_a_partner_refuses_comes_back_to_who_sent_it(self):
        self.to_world('unknown@good.example', 'refused')
        self.wait_mail('joe', 'Delivery Notification')
        self.record('outbound', r'unknown@good\.example .*550 5\.1\.1 never heard of')

    # ---- bad hosts ----
    def test_the_next_mx_takes_what_the_first_does_not(self):
        self.to_world('eve@failover.example', 'second choice')
        self.assertEqual(self.wait_partner('second', 'second choice').rcpts[0].split()[1], 'TO:<eve@failover.example>')
        self.record('outbound', rf'tcp_local - Y TCP\|.*\|{re.escape(GONE)}\|25 \S*dead\.failover\.example')

    def test_a_dead_host_gets_its_mail_when_it_is_back_and_keeps_nobody_waiting(self):
        for n in range(3):
            self.to_world(f'u{n}@dead.example', f'dead-{n}')
            self.to_world('eve@good.example', f'beside-the-dead-{n}')
            self.wait_partner('good', f'beside-the-dead-{n}')
        self.record('outbound', r'tcp_local +Q .*@dead\.example .*No route to host')  # tried, and it waits
        self.assertTrue(boxes['outbound'].queue_files('tcp_local'))
        namespaces.ip('-n', places['world'].name, 'address', 'add', DEAD + '/24', 'dev', 'outside')
        self.try_again('outbound', 'tcp_local')
        for n in range(3):
            self.wait_partner('dead', f'dead-{n}')

    def test_other_mail_does_not_wait_for_a_slow_host(self):
        slow = partners['slow']
        for n in range(5):
            self.to_world(['eve@slow.example', 'eve@good.example'], f'slow-{n}')
        slow.wait(lambda: slow.connections, 'a connection to the slow host')
        for n in range(5):
            self.wait_partner('good', f'slow-{n}')
        self.from_world('ann@corp.example', 'while-it-is-slow')
        self.wait_mail('ann', 'while-it-is-slow')
        self.assertEqual(slow.messages, [])
        slow.go_on()
        for n in range(5):
            self.wait_partner('slow', f'slow-{n}')

    def test_a_greylisting_host_is_asked_again(self):
        grey = partners['grey']
        self.to_world(['a@grey.example', 'b@grey.example', 'eve@good.example'], 'grey')
        self.wait_partner('good', 'grey')
        grey.wait(lambda: sum(len(m.rcpts) for m in grey.messages) == 2, 'both recipients')
        asked = [line.split('>')[0] for line in grey.commands if line.startswith('RCPT')]
        self.assertEqual(sorted(asked), ['RCPT TO:<a@grey.example'] * 2 + ['RCPT TO:<b@grey.example'] * 2)
        self.record('outbound', r'QE .*a@grey\.example .*451 4\.7\.1 greylisted')

    # ---- our own hosts ----
    def test_what_a_relay_has_accepted_waits_while_the_hub_is_away(self):
        with places['hub']:
            boxes['hub'].stop('dispatcher')
        for n in range(10):
            self.from_world(['joe@corp.example', 'ann@corp.example'][n % 2], f'waits-{n % 2}')
        self.record('inbound', r'Q .*@mail\.corp\.example')
        with places['hub']:
            boxes['hub'].start('dispatcher')
        self.try_again('inbound', 'tcp_local')
        self.wait_mail('joe', 'waits-0', 5)
        self.wait_mail('ann', 'waits-1', 5)

    def test_what_the_hub_has_accepted_waits_while_the_relay_is_away(self):
        with places['outbound']:
            boxes['outbound'].stop('dispatcher')
        self.to_world('eve@good.example', 'patience')
        self.to_world('ann@corp.example', 'at-home')
        self.wait_mail('ann', 'at-home')
        self.record('hub', r'tcp_out +Q .*eve@good\.example')
        with places['outbound']:
            boxes['outbound'].start('dispatcher')
        self.try_again('hub', 'tcp_out')
        self.wait_partner('good', 'patience')

    def test_a_hundred_each_way_arrive_once(self):
        with places['hub'], boxes['hub'].submit('joe@corp.example', PASSWORD) as out, self.stranger() as inbound:
            for n in range(100):
                out.sendmail('joe@corp.example', 'eve@good.example', f'Subject: many-{n}\r\n\r\nx\r\n')
                inbound.sendmail('eve@good.example', 'ann@corp.example', f'Subject: many-{n}\r\n\r\nx\r\n')
        for n in range(100):
            self.wait_partner('good', f'many-{n}')
        self.wait_mail('ann', 'many-', 100)


if __name__ == '__main__':
    waxwing.main()
