#!/usr/bin/env python3
"""A configuration as the guides of the documented product teach it, in their forms, is taken and does what they say."""
import os
import re
import smtplib
import socket

import fake_dns
import fake_smtp
import waxwing

PASSWORD = 'correct horse'
FROM_CLIENTS = ['127.0.0.80', '127.0.0.95', '127.0.0.96', '127.0.0.99']  # of the site's range, 80 to 99
STRANGERS = ['127.0.0.79', '127.0.0.100']
FRIEND = '127.0.0.50'
LMTP_CLIENT, OTHER_HOST = '127.0.0.60', '127.0.0.61'

IMTA_CNF = '''\
! Part 1: rewrite rules
!
$*                      $A$E$F$U%$H$V$H@&/IMTA_HOST/
!
! Rules of this host and its default domain
&/IMTA_HOST/            $U%$D@&/IMTA_HOST/
&/IMTA_DEFAULTDOMAIN/   $U%$D@&/IMTA_HOST/
!
! A partner and all its hosts, by a channel of their own
partner.example         $U%partner.example@tcp_partner-daemon
.partner.example        $U%partner.example@tcp_partner-daemon
!
! Internal address literals
[]                      $E$R${INTERNAL_IP,$L}$U%[$L]@tcp_intranet-daemon
!
! Top level domains
<IMTA_TABLE:internet.rules

! Part 2: channels
!
defaults notices 1 2 4 7 copywarnpost copysendpost postheadonly noswitchchannel immnonurgent maxjobs 7 logging defaulthost &/IMTA_DEFAULTDOMAIN/ &/IMTA_DEFAULTDOMAIN/

! the local channel
l subdirs 20 viaaliasrequired maxjobs 7 pool LOCAL_POOL
&/IMTA_HOST/

! the message store
ims-ms defragment subdirs 20 notices 1 7 14 21 28 backoff "pt5m" "pt10m" "pt30m" "pt1h" "pt2h" "pt4h" maxjobs 2 pool IMS_POOL fileinto $U+$S@$D
ims-ms-daemon

! the world
tcp_local smtp mx single_sys remotehost inner switchchannel identnonelimited subdirs 20 maxjobs 7 pool SMTP_POOL maytlsserver maysaslserver saslswitchchannel tcp_auth missingrecipientpolicy 0 loopcheck
tcp-daemon

! our own systems
tcp_intranet smtp mx single_sys subdirs 20 noreverse maxjobs 7 pool SMTP_POOL maytlsserver allowswitchchannel saslswitchchannel tcp_auth missingrecipientpolicy 4
tcp_intranet-daemon

! submission
tcp_submit submit smtp mx single_sys mustsaslserver maytlsserver missingrecipientpolicy 4
tcp_submit-daemon

! who has logged in
tcp_auth smtp mx single_sys mustsaslserver allowswitchchannel missingrecipientpolicy 4
tcp_auth-daemon

! transaction and alert systems
tcp_tas smtp mx single_sys allowswitchchannel mustsaslserver maytlsserver deliveryflags 2
tcp_tas-daemon

! a partner
tcp_partner smtp nomx single_sys port {port} daemon [{address}] pool SMTP_POOL
tcp_partner-daemon

! LMTP into the store
tcp_lmtpss lmtp subdirs 20
tcp_lmtpss-daemon

native defragment subdirs 20 pool LOCAL_POOL
native-daemon

pipe single defragment subdirs 20 pool LOCAL_POOL
pipe-daemon

process
process-daemon

reprocess
reprocess-daemon

hold
hold-daemon

bitbucket
bitbucket-daemon
'''
INTERNET_RULES = '\n'.join(f'.{top} $U%$H$D@tcp-daemon\n{top} $U%$D@tcp-daemon' for top in ('com', 'example', 'net', 'org', 'test')) + '\n'
MAPPINGS = '''\
! Who may connect
PORT_ACCESS

! TCP|server-address|server-port|client-address|client-port
  TCP|*|{lmtp}|127.0.0.60|*   $Y$E
  TCP|*|{lmtp}|*|*            $N500$ This$ port$ is$ for$ our$ relays
  *|*|*|*|*     $C$|INTERNAL_IP;$3|$Y$E
  TCP|*|*|127.0.0.77|*        $N500$ I$ will$ not$ talk$ to$ you
  *|*|*|*|*     $C$|FRIENDLY_IP;$3|$YEXTERNAL$E
  *             $YEXTERNAL

! Our own systems: they may relay
INTERNAL_IP

  ! Match IP addresses in the range 127.0.0.80-127.0.0.95
  $(127.0.0.80/28)   $Y
  ! Match IP addresses in the range 127.0.0.96-127.0.0.99
  $(127.0.0.96/30)   $Y
  127.0.0.1          $Y
  *                  $N

! Those whose troubles are ours to mend: they may connect, not relay
FRIENDLY_IP

  $(127.0.0.48/29)   $Y
  *                  $N

ORIG_SEND_ACCESS

! Nobody leads mail around by signs in the local part
  tcp_local|*|tcp_*|*$%*@*       $N$D1|Explicit$ routing$ not$ allowed
  tcp_local|*|tcp_*|*.*!*@*      $N$D1|Explicit$ routing$ not$ allowed
  tcp_local|*|tcp_*|"*@*"@*      $N$D1|Explicit$ routing$ not$ allowed
! Relaying
  tcp_local|*|native|*           $N
  tcp_local|*|hold|*             $N
  tcp_local|*|pipe|*             $N
  tcp_local|*|tcp_*|*            $N$D1|Relaying$ not$ permitted
'''
DISPATCHER_CNF = '''\
! default values for every service
MIN_PROCS=1
MAX_PROCS=5
MIN_CONNS=3
MAX_CONNS=50
MAX_LIFE_TIME=86400
MAX_LIFE_CONNS=300
MAX_SHUTDOWN=2
INTERFACE_ADDRESS=127.0.0.1

[SERVICE=SMTP]
PORT={smtp}
IMAGE=IMTA_BIN:tcp_smtp_server
LOGFILE=IMTA_LOG:tcp_smtp_server.log
PARAMETER=CHANNEL=tcp_local
STACKSIZE=2048000
ENABLE_RBL=1
DNS_VERIFY_DOMAIN=list.example.org

[SERVICE=SMTP_SUBMIT]
PORT={submit}
TLS_PORT={submits}
IMAGE=IMTA_BIN:tcp_smtp_server
LOGFILE=IMTA_LOG:tcp_smtp_server.log
PARAMETER=CHANNEL=tcp_submit

[SERVICE=LMTPSS]
PORT={lmtp}
IMAGE=IMTA_BIN:tcp_lmtp_server
LOGFILE=IMTA_LOG:tcp_lmtpss_server.log
PARAMETER=CHANNEL=tcp_lmtpss
STACKSIZE=2048000
'''
fake = partner = world = None


def setUpModule():
    global fake, partner, world
    fake = fake_smtp.FakeServer()
    waxwing.unittest.addModuleCleanup(fake.close)
    partner, world = fake.host(), fake.host()
    names = fake_dns.FakeDns({'world.example': {'A': [world.address]},
                              '70.0.0.127.list.example.org': {'A': ['127.0.0.2'], 'TXT': ['seen sending junk']}})
    waxwing.unittest.addModuleCleanup(names.close)
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')
    box.set_option('dns.server', names.address)
    box.set_option('smtp.client.port', fake.port)
    ports = {name.lower(): box.port(name) for name in ('SMTP', 'SUBMIT', 'SUBMITS', 'LMTP')}
    box.write_config('imta.cnf', IMTA_CNF.replace('{port}', str(fake.port)).replace('{address}', partner.address))
    box.write_config('internet.rules', INTERNET_RULES)
    box.write_config('mappings', MAPPINGS.replace('{lmtp}', str(ports['lmtp'])))
    box.write_config('dispatcher.cnf', DISPATCHER_CNF.format(**ports))
    box.write_config('option.dat', '! what is told of connections\nLOG_CONNECTION=7\nMISSING_RECIPIENT_POLICY=0\n')
    box.command('imsimta', 'cnbuild')
    box.start()
    box.user('joe', PASSWORD)


class Guides(waxwing.TestCase):
    def client(self, source='127.0.0.1', port='SMTP'):
        return smtplib.SMTP('127.0.0.1', self.box.port(port), 'c.test', timeout=waxwing.DEADLINE, source_address=(source, 0))

    def answers(self, client, *recipients):
        client.ehlo()
        client.mail('a@remote.example')
        return [client.rcpt(to) for to in recipients]

    def record(self, pattern):
        return waxwing.LogFollower(os.path.join(self.box.root, 'log', 'mail.log_current'), from_start=True).wait(pattern)

    def test_the_tools_the_guides_name_say_the_same(self):
        for address, expected in ((FROM_CLIENTS[0], True), (STRANGERS[0], False)):
            shown = self.box.command('imsimta', 'test', '-mapping', '-table=INTERNAL_IP', address).stdout
            self.assertEqual(bool(re.search(r'flags.*Y|\$Y', shown)), expected, shown)
            matched = self.box.command('imsimta', 'test', '-match', '-pattern=$(127.0.0.80/28)', f'-target={address}', check=False)
            self.assertEqual('no match' not in matched.stdout.lower(), expected, matched.stdout)
        shown = self.box.command('imsimta', 'test', '-rewrite', '-channel=tcp_intranet', 'wallaby@thor.partner.example').stdout
        self.assertRegex(shown, r'tcp_partner')
        self.assertIn('wallaby@partner.example', shown)

    def test_systems_of_the_site_relay_and_others_do_not(self):
        for source in FROM_CLIENTS + ['127.0.0.1']:
            with self.subTest(source), self.client(source) as client:
                self.assertEqual([code for code, _ in self.answers(client, 'eve@elsewhere.example', 'joe@example.test')], [250, 250])
        for source in STRANGERS + [FRIEND]:
            with self.subTest(source), self.client(source) as client:
                relayed, local = self.answers(client, 'eve@elsewhere.example', 'joe@example.test')
                self.assertEqual((relayed[0], local[0]), (550, 250))
                self.assertIn(b'Relaying not permitted', relayed[1])

    def test_routes_through_this_host_are_refused(self):
        with self.client(STRANGERS[0]) as client:
            for answer in self.answers(client, 'eve%far.example@elsewhere.example', 'far.example!eve@elsewhere.example',
                                       '"eve@far.example"@elsewhere.example'):
                self.assertEqual(answer[0], 550)
                self.assertIn(b'Explicit routing not allowed', answer[1])

    def test_who_has_logged_in_relays_by_a_channel_of_his_own(self):
        with self.client(STRANGERS[0]) as client:
            client.starttls(context=self.box.tls())
            client.login('joe@example.test', PASSWORD)
            client.sendmail('joe@example.test', ['eve@world.example'], 'Subject: logged in\r\n\r\nx\r\n')
        self.record(r'tcp_auth tcp_local E\w*S\w*A .*eve@')
        with self.box.submit('joe@example.test', PASSWORD) as client:
            client.sendmail('joe@example.test', ['eve@world.example'], 'Subject: submitted\r\n\r\nx\r\n')
        self.record(r'tcp_submit tcp_local E\w* .*eve@')
        world.wait_messages(2)

    def test_a_partner_has_a_channel_of_its_own(self):
        with self.client(FROM_CLIENTS[0]) as client:
            client.sendmail('a@remote.example', ['wallaby@partner.example', 'wallaby@thor.partner.example'], 'Subject: x\r\n\r\nx\r\n')
        partner.wait(lambda: sum(len(m.rcpts) for m in partner.messages) >= 1, 'a message')
        self.assertEqual({r.split('>')[0] for m in partner.messages for r in m.rcpts}, {'RCPT TO:<wallaby@partner.example'})
        self.record(r'tcp_intranet tcp_partner E')

    def test_a_message_without_recipients_in_its_header(self):
        """missingrecipientpolicy 4: what our own people send has an empty group then, what comes from outside stays as it is."""
        with self.client(FROM_CLIENTS[0]) as client:
            client.sendmail('joe@example.test', ['eve@world.example'], 'Subject: bare\r\n\r\nx\r\n')
        world.wait(lambda: any(b'Subject: bare' in m.data for m in world.messages), 'the message')
        message, = [m for m in world.messages if b'Subject: bare' in m.data]
        self.assertRegex(message.data, rb'(?m)^To: .*:;\r$')

    def test_port_access(self):
        for port in ('SMTP', 'SUBMIT'):
            with socket.create_connection(('127.0.0.1', self.box.port(port)), waxwing.DEADLINE, ('127.0.0.77', 0)) as refused:
                self.assertEqual(refused.recv(100), b'500 I will not talk to you\r\n')
                self.assertEqual(refused.recv(1), b'')
        self.record(r'\+ X TCP\|127\.0\.0\.1\|\d+\|127\.0\.0\.77\|\d+ .*500 I will not talk to you')
        with self.client(FRIEND) as client:
            self.assertEqual(client.noop()[0], 250)

    def test_who_is_on_a_block_list_is_turned_away_from_the_port_of_the_world(self):
        with socket.create_connection(('127.0.0.1', self.box.port('SMTP')), waxwing.DEADLINE, ('127.0.0.70', 0)) as refused:
            self.assertIn(b'is listed by list.example.org: seen sending junk', refused.recv(200))
        self.record(r'\+ T TCP\|127\.0\.0\.1\|\d+\|127\.0\.0\.70\|')
        with self.client('127.0.0.70', 'SUBMIT') as client:
            self.assertEqual(client.noop()[0], 250)

    def test_lmtp_is_for_our_relays(self):
        with socket.create_connection(('127.0.0.1', self.box.port('LMTP')), waxwing.DEADLINE, (OTHER_HOST, 0)) as refused:
            self.assertEqual(refused.recv(100), b'500 This port is for our relays\r\n')
        with smtplib.LMTP('127.0.0.1', self.box.port('LMTP'), 'relay.test', source_address=(LMTP_CLIENT, 0)) as client:
            client.sendmail('a@remote.example', ['joe@example.test'], 'Subject: by LMTP\r\n\r\nx\r\n')
        pop = self.box.pop('joe@example.test', PASSWORD)
        self.assertTrue(any(b'Subject: by LMTP' in pop.retr(n + 1)[1] for n in range(pop.stat()[0])))
        pop.quit()

    def test_refresh_takes_an_edited_table(self):
        with self.client('127.0.0.110') as client:
            self.assertEqual(self.answers(client, 'eve@elsewhere.example')[0][0], 550)
        self.addCleanup(self.box.command, 'imsimta', 'refresh')
        row = '  127.0.0.1          $Y\n'
        self.box.edit('mappings', lambda text: text.replace(row, f'  $(127.0.0.110/32)  $Y\n{row}', 1), until=self)
        self.box.command('imsimta', 'refresh')
        with self.client('127.0.0.110') as client:
            self.assertEqual(self.answers(client, 'eve@elsewhere.example')[0][0], 250)


class Accepted(waxwing.TestCase):
    def test_what_cnbuild_says_of_it(self):
        """No errors; and warnings for what is told to have no effect only."""
        out = self.box.command('imsimta', 'cnbuild', '-check')
        words = re.findall(r'warning: (.*)', out.stdout + out.stderr)
        self.assertEqual([line for line in words if not re.search('no effect|waits for the filter engine', line)], [])


if __name__ == '__main__':
    waxwing.main()
