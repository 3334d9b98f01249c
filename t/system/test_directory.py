#!/usr/bin/env python3
"""Where the directory sends mail: vanity domains, domain aliases, catch-alls, smart hosts, statuses, other names of
attributes, and the delivery options; through a real slapd and real deliveries."""
import os
import re
import smtplib
import subprocess

import waxwing


def setUpModule():
    waxwing.start_shared()


class Site(waxwing.TestCase):
    def options(self, text):
        """These lines in option.dat until the test ends; the daemons start again, as LDAP options ask for."""
        def publish():
            self.box.command('imsimta', 'cnbuild')
            self.box.restart('dispatcher', 'job_controller')
        self.addCleanup(publish)
        self.box.edit('option.dat', text, until=self)
        publish()

    def ldif(self, text):
        """Changes of the directory."""
        with open(os.path.join(self.box.root, 'config', 'secrets.conf')) as f:
            secrets = dict(line.strip().split(' = ', 1) for line in f if ' = ' in line)
        with open(os.path.join(self.box.root, 'directory', 'url')) as f:
            url = f.read().strip()
        subprocess.run(['ldapmodify', '-x', '-H', url, '-D', 'cn=Directory Manager,o=isp', '-w',
                        secrets['directory.adminpassword']], input=text, text=True, check=True, capture_output=True)
        self.box.command('imsimta', 'reload')

    def rewrite(self, address, *more):
        return self.box.command('imsimta', 'test', '-rewrite', *more, address, check=False).stdout

    def send(self, to, sender='a@far.test', text='Subject: x\r\n\r\nx\r\n'):
        with self.box.smtp() as client:
            client.sendmail(sender, [to], text)

    def answer(self, to):
        """What RCPT is answered."""
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@far.test')
            code, text = client.rcpt(to)
            return f'{code} {text.decode()}'


class Vanity(Site):
    def test_a_domain_without_an_entry_belongs_to_a_user(self):
        self.box.user('owner', 'secret')
        self.ldif('dn: uid=owner,ou=People,o=example.test,o=isp\nchangetype: modify\n'
                  'add: objectClass\nobjectClass: msgVanityDomainUser\n-\n'
                  'add: msgVanityDomain\nmsgVanityDomain: vanity.test\n-\n'
                  'add: mailAlternateAddress\nmailAlternateAddress: me@vanity.test\n')
        self.assertIn('channel tcp_', self.rewrite('me@vanity.test'))
        self.options('DOMAIN_MATCH_URL=ldap:///$B?msgVanityDomain?sub?(msgVanityDomain=$D)\n'
                     'ALIAS_URL1=ldap:///$B?*?sub?(&(msgVanityDomain=$D)$R)\n')
        self.send('me@vanity.test')
        self.box.wait_messages('owner', 'secret', 1)
        self.assertRegex(self.answer('you@vanity.test'), '^550 5.1.1')
        self.assertIn('channel tcp_', self.rewrite('me@nobodys.test'))
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.box.submit('owner@vanity.test', 'secret')


class Domains(Site):
    def test_a_hosted_domain_with_alias_catch_all_and_status(self):
        self.box.command('commadmin', 'domain', 'create', 'hosted.test', '--alias', 'other.test')
        self.box.command('commadmin', 'user', 'create', '--uid', 'sue', '--domain', 'hosted.test', '--password', 'secret')
        for n, address in enumerate(('sue@hosted.test', 'Sue@other.test'), 1):
            self.send(address)
            self.box.wait_messages('sue@hosted.test', 'secret', n)
        self.assertRegex(self.answer('nobody@hosted.test'), '^550 5.1.1')
        self.ldif('dn: uid=sue,ou=People,o=hosted.test,o=isp\nchangetype: modify\n'
                  'add: mailAlternateAddress\nmailAlternateAddress: @hosted.test\n')
        for n, address in enumerate(('anybody@hosted.test', 'anybody@other.test'), 3):
            self.send(address)
            self.box.wait_messages('sue@hosted.test', 'secret', n)
        dn = 'dn: o=hosted.test,o=isp\nchangetype: modify\nreplace: mailDomainStatus\nmailDomainStatus: '
        for status, expected in (('inactive', '450 4.2.1'), ('disabled', '550 5.2.1'), ('deleted', '550 5.1.1'),
                                 ('overquota', '452 4.2.2'), ('unused', '550 5.2.1')):
            with self.subTest(status=status):
                self.ldif(dn + status + '\n')
                self.assertTrue(self.answer('sue@hosted.test').startswith(expected), self.answer('sue@hosted.test'))
        self.ldif(dn + 'hold\n')
        self.send('sue@hosted.test')
        waxwing.wait_until(lambda: self.box.queue_files('hold'), 'a held message')

    def test_who_has_no_mail_host_and_who_is_not_here_are_with_the_smart_host(self):
        self.box.command('commadmin', 'domain', 'create', 'moving.test', '--set',
                         'mailRoutingSmartHost=old.moving.test')
        self.box.command('commadmin', 'user', 'create', '--uid', 'tom', '--domain', 'moving.test', '--password', 'x12345')
        self.assertIn('@old.moving.test:nobody@moving.test', self.rewrite('nobody@moving.test'))
        self.assertIn('channel ims-ms', self.rewrite('tom@moving.test'))
        self.ldif('dn: uid=tom,ou=People,o=moving.test,o=isp\nchangetype: modify\ndelete: mailHost\n')
        self.assertIn('@old.moving.test:tom@moving.test', self.rewrite('tom@moving.test'))


class Names(Site):
    def test_attributes_that_are_called_otherwise_here(self):
        self.box.user('odd', 'secret')
        self.ldif('dn: uid=odd,ou=People,o=example.test,o=isp\nchangetype: modify\n'
                  'add: roomNumber\nroomNumber: odd.other@example.test\n-\n'
                  'add: description\ndescription: forward\n-\nadd: departmentNumber\ndepartmentNumber: x@far.test\n')
        self.assertRegex(self.answer('odd.other@example.test'), '^550 5.1.1')
        self.options('LDAP_ALIAS_ADDRESSES=roomNumber\nLDAP_DELIVERY_OPTION=description\n'
                     'LDAP_FORWARDING_ADDRESS=departmentNumber\n')
        self.assertIn('x@far.test', self.rewrite('odd.other@example.test'))
        self.assertRegex(self.answer('odd.other@example.test'), '^250 ')


class Reversal(Site):
    def test_what_the_world_sees(self):
        self.box.user('pat', 'secret', '--set', 'mailAlternateAddress=pat.long@example.test')
        self.box.user('reader', 'secret')
        self.send('reader@example.test', 'pat.long@example.test',
                  'From: Pat <pat.long@example.test>\r\nTo: pat.long@example.test\r\nSubject: x\r\n\r\nx\r\n')
        self.box.wait_messages('reader', 'secret', 1)
        self.options('USE_REVERSE_DATABASE=5\nREVERSE_URL=ldap:///$V?$N?sub?$Q\n')
        self.send('reader@example.test', 'pat.long@example.test',
                  'From: Pat <pat.long@example.test>\r\nTo: pat.long@example.test\r\nSubject: x\r\n\r\nx\r\n')
        self.box.wait_messages('reader', 'secret', 2)
        with self.box.imap('reader', 'secret') as client:
            client.select('INBOX')
            texts = [client.fetch(n, '(BODY.PEEK[])')[1][0][1].decode() for n in ('1', '2')]
        for text in texts:
            self.assertIn('From: Pat <pat@example.test>', text)
            self.assertIn('Return-Path: <pat@example.test>', text)
        self.assertIn('To: pat.long@example.test', texts[0])
        self.assertIn('To: pat@example.test', texts[1])


class Expansion(Site):
    def test_recipients_beyond_expandlimit_are_followed_by_process(self):
        for name in ('e1', 'e2', 'e3'):
            self.box.user(name, 'secret')
        self.addCleanup(self.box.publish)
        self.box.edit('imta.cnf', lambda text: re.sub(r'(?m)^(tcp_local|tcp_intranet) ', r'\1 expandlimit 1 ', text), until=self)
        self.box.publish()
        log = waxwing.LogFollower(os.path.join(self.box.root, 'log', 'mail.log_current'))
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@far.test')
            for name in ('e1', 'e2', 'e3'):
                self.assertEqual(client.rcpt(f'{name}@example.test')[0], 250)
            self.assertEqual(client.rcpt('nobody@example.test')[0], 550)
            client.data('Subject: x\r\n\r\nx\r\n')
        for name in ('e1', 'e2', 'e3'):
            self.box.wait_messages(name, 'secret', 1)
        log.wait(r'tcp_\w+ ims-ms EE 1 \S+ rfc822;e1@')
        log.wait(r'tcp_\w+ process EE 1 \S+ rfc822;e2@')
        log.wait(r'process ims-ms E 1 \S+ rfc822;e3@')


if __name__ == '__main__':
    waxwing.main()
