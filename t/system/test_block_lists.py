#!/usr/bin/env python3
"""Block lists and domains that are asked of the DNS: in mappings, as the guides' chapter on them has it, and in
dispatcher.cnf."""
import os
import re
import smtplib
import tempfile

import fake_dns
import waxwing
from smtp_wire import Wire

PORT_ACCESS = r"""PORT_ACCESS

! TCP|server-address|server-port|client-address|client-port
  *|*|*|*|*      $C$|INTERNAL_IP;$3|$Y$E
  *|*|*|*|*      $C$:A$[IMTA_LIB:check_metermaid.so,throttle,ext_throttle,$3]$N421$ Connection$ declined$ at$ this$ time$E
  *|*|*|*|*      $C$|FRIENDLY_IP;$3|$YEXTERNAL$E
  TCP|*|@PORT@|*|*  $C$:S$[IMTA_LIB:dns_verify.so,dns_verify_domain_port,$1,zen.example.org.,Your$ host$ ($1)$ found$ on$ zen.example.org$ block$ list]$T$E
  TCP|*|@PORT@|*|*  $C$:S$[/opt/elsewhere/lib/dns_verify.so,dns_verify_domain_port,$1,second.example.org,]$T$E
  *              $YEXTERNAL

FRIENDLY_IP

  $(127.0.0.64/26)  $Y
  *                 $N

MAIL_ACCESS

  TCP|*|*|*|*|SMTP/*|MAIL|tcp_local|*|*|alice@*   $Y
  TCP|*|*|*|*|SMTP/*|MAIL|tcp_local|warn@*|*|*    $C$[IMTA_LIB:dns_verify.so,dns_verify_domain_warn,$2,mail.example.org,listed]$E
  TCP|*|*|*|*|SMTP/*|MAIL|tcp_local|*|*|*         $C$[IMTA_LIB:dns_verify.so,dns_verify_domain,$2,mail.example.org,Listed$ by$ mail.example.org]$E

"""
RELAY = "  tcp_local|*|tcp_*|*  "
SENDER = r'  tcp_local|*@*|*|*  $[IMTA_LIB:dns_verify.so,dns_verify,$1||$$NInvalid$ host:$ $$1$ -$ %e]' + '\n'


def setUpModule():
    global names
    listed = {'A': ['127.0.0.2']}
    names = fake_dns.FakeDns({
        '9.0.0.127.zen.example.org': listed | {'TXT': ['see http://zen.example.org/9']}, '10.0.0.127.zen.example.org': listed,
        '66.0.0.127.zen.example.org': listed, '11.0.0.127.zen.example.org': {'A': ['192.0.2.1']},
        '12.0.0.127.zen.example.org': listed | {'TXT': ['a$Nb$]ldap:///x[${y}|$E \x01z']},
        '14.0.0.127.second.example.org': listed, '15.0.0.127.mail.example.org': listed | {'TXT': ['mail only']},
        'good.example.org': {'MX': ['10 mx.good.example.org']}, 'host.example.org': {'A': ['192.0.2.7']}, 'empty.example.org': {'TXT': ['x']},
        'sick.example.org': 'SERVFAIL', 'null.example.org': {'MX': ['0 .'], 'A': ['192.0.2.7']},
        '3.2.1.10.in-addr.arpa': {'PTR': ['ten.example.org']}, 'v6.example.org': {'AAAA': ['2001:db8::1']}, '20.0.0.127.third.example.org': listed,
        '77.2.0.192.third.example.org': listed | {'TXT': ['spam source']}, '13.0.0.127.zen.example.org': 'SERVFAIL'})
    box = waxwing.share(waxwing.Sandbox())
    box.edit('mappings', rewritten(box.port('SMTP')))
    box.edit('dispatcher.cnf',
             lambda text: text.replace('[SERVICE=SMTP]\n', '[SERVICE=SMTP]\nENABLE_RBL=1\nDNS_VERIFY_DOMAIN=third.example.org\n'))
    box.set_option('dns.server', names.address)
    box.set_option('smtp.proxy.hosts', '127.0.0.70')
    box.set_option('smtp.xclient.hosts', '127.0.0.71')
    box.set_option('metermaid.table.ext_throttle.quota', 2)
    box.set_option('metermaid.table.ext_throttle.quota_time', 86400)
    box.command('imsimta', 'cnbuild')
    box.start()
    for uid in ('alice', 'bob'):
        box.user(uid, 'secret')


def tearDownModule():
    names.close()


def rewritten(port):
    def change(text):
        text = re.sub(r'(?m)^PORT_ACCESS\n\n(?:[ \t].*\n|!.*\n)+\n?',
                      lambda _: PORT_ACCESS.replace('@PORT@', str(port)), text)
        text = re.sub(r'(?m)^INTERNAL_IP\n\n(?:[ \t].*\n|!.*\n)+', 'INTERNAL_IP\n\n  127.0.0.1  $Y\n  *  $N\n', text)
        assert RELAY in text and 'zen.example.org.' in text
        return text.replace(RELAY, SENDER + RELAY, 1)
    return change


class BlockLists(waxwing.TestCase):
    def connect(self, last):
        return smtplib.SMTP('127.0.0.1', self.box.port('SMTP'), source_address=(f'127.0.0.{last}', 0),
                            local_hostname='far.test', timeout=waxwing.DEADLINE)

    def refused(self, last):
        with self.assertRaises(smtplib.SMTPConnectError) as refusal:
            self.connect(last)
        return refusal.exception.smtp_code, refusal.exception.smtp_error

    def let_in(self, last):
        with self.connect(last) as client:
            return client.noop()[0] == 250

    def test_a_listed_client_is_told_what_the_list_says_and_recorded(self):
        log = waxwing.LogFollower(os.path.join(self.box.root, 'log', 'mail.log_current'))
        self.assertEqual(self.refused(9), (571, b'see http://zen.example.org/9'))
        log.wait(r' \*\* \+ T TCP\|127\.0\.0\.1\|\d+\|127\.0\.0\.9\|\d+ 571 see http://zen\.example\.org/9$')
        self.assertEqual(self.refused(10), (571, b'Your host (127.0.0.10) found on zen.example.org block list'))
        self.assertEqual(self.refused(14), (571, b'127.0.0.14 is listed by second.example.org'))
        self.assertEqual(self.refused(20), (554, b'5.7.1 [127.0.0.20] is listed by third.example.org'))

    def wire(self, last):
        wire = Wire(self.box, source=f'127.0.0.{last}')
        self.addCleanup(wire.socket.close)
        return wire

    def test_a_client_that_a_proxy_names(self):
        log = self.box.log('smtpd')
        refusal = '554 5.7.1 [192.0.2.77] is listed by third.example.org: spam source'
        wire = self.wire(70)
        self.assertEqual(wire.ask(b'PROXY TCP4 192.0.2.77 192.0.2.2 4711 25'), refusal)
        self.assertTrue(wire.closed())
        log.wait(r' smtp\.proxied\.listed .*zone=third\.example\.org ')
        self.assertEqual(self.wire(70).ask(b'PROXY TCP4 192.0.2.78 192.0.2.2 4711 25')[:3], '220')
        wire = self.wire(71)
        wire.reply()
        wire.ask(b'EHLO proxy.test')
        self.assertEqual(wire.ask(b'XCLIENT ADDR=192.0.2.78')[:3], '220')
        wire.ask(b'EHLO proxy.test')
        self.assertEqual(wire.ask(b'XCLIENT ADDR=192.0.2.77'), refusal)
        self.assertTrue(wire.closed())

    def test_hosts_of_ours_and_friends_are_not_looked_up(self):
        del names.asked[:]
        self.assertTrue(self.let_in(1))
        self.assertTrue(self.let_in(66))
        self.assertFalse([name for name, _ in names.asked if 'zen.example.org' in name or 'second.example.org' in name])

    def test_a_dead_list_lists_nobody(self):
        self.assertTrue(self.let_in(11), 'an address outside of 127.0.0.0/8 is some web server')
        log = self.box.log('dispatcher')
        self.assertTrue(self.let_in(13), 'a list that fails refuses nobody')
        log.wait(r' mta\.dns_list\.failed zone=zen\.example\.org ')

    def test_a_throttle_stands_before_the_lists(self):
        self.assertTrue(self.let_in(30) and self.let_in(30))
        del names.asked[:]
        self.assertEqual(self.refused(30), (421, b'Connection declined at this time'))
        self.assertFalse([name for name, _ in names.asked if name.startswith('30.')])

    def test_text_of_a_list_is_text(self):
        code, text = self.refused(12)
        self.assertEqual(code, 571)
        self.assertTrue(text.startswith(b'a$Nb$]ldap:///x[${y}|$E '), text)

    def test_the_list_is_asked_at_rcpt(self):
        with self.connect(15) as client:
            client.ehlo('far.test')
            client.mail('someone@good.example.org')
            self.assertEqual(client.rcpt('bob@example.test'), (550, b'5.7.1 mail only'))
            self.assertEqual(client.rcpt('alice@example.test')[0], 250)
            client.rset()
            client.sendmail('warn@good.example.org', ['bob@example.test'], 'Subject: marked\r\n\r\nhi\r\n')
        self.box.wait_messages('bob', 'secret', 1)
        with self.box.imap('bob', 'secret') as client:
            client.select('INBOX', readonly=True)
            self.assertIn(b'X-RBL-Warning: mail only\r\n', client.fetch('*', '(BODY[HEADER])')[1][0][1])

    def test_senders_whose_domain_there_is_not(self):
        with self.connect(40) as client:
            client.ehlo('far.test')
            for sender, code in (('a@good.example.org', 250), ('a@host.example.org', 250), ('a@sick.example.org', 250), ('', 250),
                                 ('a@empty.example.org', 550), ('a@null.example.org', 550),
                                 ('a@none.example.org', 550)):
                client.mail(sender)
                answer = client.rcpt('alice@example.test')
                self.assertEqual(answer[0], code, (sender, answer))
                client.rset()
            client.mail('a@none.example.org')
            self.assertEqual(client.rcpt('alice@example.test')[1], b'5.7.1 Invalid host: none.example.org - no such name')
            client.rset()
            client.mail('a@good.example.org')
            self.assertEqual(client.rcpt('x@elsewhere.test')[0], 550, 'the row that verifies lets nobody relay')
            client.rset()
            for domain in ('x' * 63 + '.' + 'y' * 63 + '.test', '$N$E.test', '[127.0.0.1]'):
                client.mail(f'a@{domain}')
                self.assertIn(client.rcpt('alice@example.test')[0], (250, 503, 550))
                client.rset()

    def test_mappings_tried_by_hand(self):
        probe = f'TCP|127.0.0.1|{self.box.port("SMTP")}|127.0.0.10|4000'
        out = self.box.command('imsimta', 'test', '-mapping', '-table=PORT_ACCESS', '-flags=AS', probe).stdout
        self.assertIn('571 Your host (127.0.0.10) found on zen.example.org block list', out)


    def test_the_rest_of_the_family(self):
        for call, wanted in (('dns_verify_ptr,10.1.2.3|$$Yknown|$$Nno$ name', 'known'),
                             ('dns_verify_ptr,10.1.2.4|$$Yknown|$$Nno$ name', 'no name'),
                             ('dns_verify_ipv4,host.example.org|$$Yknown|$$N%e', 'known'),
                             ('dns_verify_ipv4,v6.example.org|$$Yknown|$$N%e', 'the name has no address'),
                             ('dns_verify_ipv6,v6.example.org|$$Yknown|$$N%e', 'known'),
                             ('dns_get_first_mx,good.example.org', 'mx.good.example.org'),
                             ('dns_get_first_mx,none.example.org', None), ('dns_verify,|$$Yknown|', None)):
            with tempfile.NamedTemporaryFile('w') as file:
                file.write(f'INTERNAL_IP\n\n  *  $N\n\nTABLE\n\n  probe  $[IMTA_LIB:dns_verify.so,{call}]\n')
                file.flush()
                out = self.box.command('imsimta', 'test', '-mapping', f'-mapping_file={file.name}', '-table=TABLE', 'probe')
                self.assertRegex(out.stdout, rf'(?m)^Output string: {wanted}$' if wanted else 'No match in table TABLE')


if __name__ == '__main__':
    waxwing.main()
