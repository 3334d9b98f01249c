"""configure with a directory of the site, and the private one."""
import base64
import os
import shutil
import subprocess
import tempfile

import waxwing


def setUpModule():
    waxwing.start_shared('slapd')


class OwnDirectory(waxwing.TestCase):
    """A site that has its directory already: another server, another suffix, Schema 2 entries of its own."""
    SUFFIX = 'dc=corp,dc=example'
    TREE = 'o=siroe,dc=corp,dc=example'

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.stage = os.path.join(self.folder, 'opt')
        shutil.copytree(waxwing.STAGE, self.stage)
        self.root = os.path.join(self.folder, 'data')
        self.ports = waxwing.PortRange()
        self.addCleanup(self.ports.release)
        self.url = self.start_slapd()

    def start_slapd(self):
        """slapd on TCP with data that no program of ours has made. A copy: the packaged one may be confined."""
        home = os.path.join(self.folder, 'ldap')
        os.makedirs(os.path.join(home, 'data'))
        program = os.path.join(home, 'slapd')
        shutil.copy('/usr/sbin/slapd', program)
        schema = ''.join(f'include "{path}"\n' for path in
                         [f'/etc/ldap/schema/{n}.schema' for n in ('core', 'cosine', 'inetorgperson', 'dyngroup')]
                         + [os.path.join(waxwing.STAGE, 'etc/ldap/waxwing.schema')])
        with open(os.path.join(home, 'slapd.conf'), 'w') as f:
            f.write(f'{schema}modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload pw-sha2\ndatabase mdb\nsuffix "{self.SUFFIX}"\n'
                    f'rootdn "cn=boss,{self.SUFFIX}"\nrootpw boss-secret\ndirectory {home}/data\nindex uid,mail eq\n'
                    f'access to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n')
        ldif = os.path.join(home, 'site.ldif')
        with open(ldif, 'w') as f:
            f.write(f'''dn: {self.SUFFIX}
objectClass: dcObject
objectClass: organization
dc: corp
o: Corporation

dn: {self.TREE}
objectClass: organization
objectClass: sunManagedOrganization
objectClass: sunNameSpace
objectClass: mailDomain
o: siroe
sunPreferredDomain: siroe.test
associatedDomain: siroe-too.test
inetDomainStatus: active
mailDomainStatus: active

dn: ou=Staff,{self.TREE}
objectClass: organizationalUnit
ou: Staff

dn: uid=kim,ou=Staff,{self.TREE}
objectClass: inetOrgPerson
objectClass: inetUser
objectClass: inetMailUser
objectClass: inetLocalMailRecipient
uid: kim
cn: Kim
sn: Kim
mail: kim@siroe.test
mailAlternateAddress: kimberley@siroe.test
mailDeliveryOption: mailbox
mailUserStatus: active
inetUserStatus: active
userPassword: kim-secret
''')
        self.box.run([program, '-T', 'add', '-f', f'{home}/slapd.conf', '-l', ldif], env=dict(os.environ))
        port = waxwing.free_port()
        url = f'ldap://127.0.0.1:{port}'
        server = subprocess.Popen([program, '-d', '0', '-f', f'{home}/slapd.conf', '-h', url], stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        waxwing.wait_until(lambda: self.answers(port), 'slapd')
        return url

    @staticmethod
    def answers(port):
        import socket
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', port)) == 0

    def configure(self, *words, **other):
        import pwd
        given = {'Fqdn.TextField': 'mail.siroe.test', 'msg.DataPath': self.root, 'iMS.UserId': pwd.getpwuid(os.getuid()).pw_name,
                 'UGDIR_URL': self.url, 'UGDIR_BINDDN': f'cn=boss,{self.SUFFIX}', 'dssetup.ugsuffix': self.SUFFIX,
                 'UGDIR_BINDPW': base64.b64encode(b'boss-secret').decode(), 'OrgName.TextField': self.TREE,
                 'EmailDomain.TextField': 'siroe.test', 'Postmaster.TextField': 'admin@siroe.test', 'InternalIPList': '',
                 'admin.password': base64.b64encode(b'admin-secret').decode(), **other}
        state = os.path.join(self.folder, 'state')
        with open(state, 'w') as f:
            f.write(''.join(f'{name}={value}\n' for name, value in given.items()))
        return self.box.run([os.path.join(self.stage, 'bin/configure'), '--state', state, *words], check=False, env=dict(os.environ))

    def command(self, *words, **more):
        return self.box.run([os.path.join(self.root, 'bin', words[0]), *words[1:]], env=dict(os.environ), **more)

    def start(self):
        ports = ('smtp.port', 'submit.port', 'submit.sslport', 'lmtp.port', 'imap.port', 'imap.sslport', 'pop.port', 'pop.sslport')
        settings = [word for n, name in enumerate(ports) for word in (name, str(self.ports.base + n))]
        self.command('msconfig', 'set', 'local.listenaddr', '127.0.0.1', *settings)
        self.addCleanup(self.command, 'stop-msg', check=False)
        return self.command('start-msg').stdout

    def test_every_daemon_works_with_a_directory_of_the_site(self):
        import imaplib
        import poplib
        import smtplib
        import ssl
        out = self.configure()
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        started = self.start()
        self.assertNotIn('slapd', started)
        for name in ('stored', 'job_controller', 'dispatcher', 'imapd', 'popd'):
            self.assertRegex(started, f'{name} +ready')
        self.command('commadmin', 'user', 'create', '--uid', 'lee', '--password', 'lee-secret')
        trusted = ssl.create_default_context(cafile=os.path.join(self.root, 'tls/server.pem'))
        trusted.check_hostname = False
        base = self.ports.base
        with smtplib.SMTP('127.0.0.1', base + 1, local_hostname='c.test') as client:
            client.starttls(context=trusted)
            client.login('lee', 'lee-secret')
            client.sendmail('lee@siroe.test', ['kimberley@siroe-too.test'], 'Subject: hello\r\n\r\nKim\r\n')

        def arrived():
            with imaplib.IMAP4_SSL('127.0.0.1', base + 5, ssl_context=trusted) as client:
                client.login('kim', 'kim-secret')
                return client.select()[1][0] == b'1'
        waxwing.wait_until(arrived, 'the message')
        pop = poplib.POP3_SSL('127.0.0.1', base + 7, context=trusted)
        pop.user('kim@siroe.test')
        pop.pass_('kim-secret')
        self.assertIn(b'Subject: hello', pop.retr(1)[1])
        pop.quit()
        with smtplib.LMTP('127.0.0.1', base + 3, local_hostname='c.test') as client:
            self.assertEqual(client.sendmail('a@b.test', ['kim@siroe.test'], 'Subject: two\r\n\r\nx\r\n'), {})
        with smtplib.SMTP('127.0.0.1', base, local_hostname='c.test') as client:
            client.ehlo()
            client.mail('a@b.test')
            self.assertEqual(client.rcpt('nobody@siroe.test')[0], 550)

    def test_entries_for_somebody_else_to_add(self):
        out = self.configure('--ldif')
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        path = os.path.join(self.root, 'install/configure.ldif')
        self.assertIn(f'-f {path}', out.stdout)
        search = ['ldapsearch', '-x', '-LLL', '-H', self.url, '-b', self.SUFFIX, '(uid=admin)', 'uid']
        self.assertNotIn('uid: admin', self.box.run(search).stdout)
        self.box.run(['ldapadd', '-x', '-c', '-H', self.url, '-D', f'cn=boss,{self.SUFFIX}', '-w', 'boss-secret', '-f', path], check=False)
        self.assertIn('uid: admin', self.box.run(search).stdout)

    def test_nothing_is_asked_of_the_directory_where_that_is_wished(self):
        out = self.configure('--noldap', UGDIR_URL='ldap://nowhere.invalid')
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        shown = self.command('msconfig', 'show', 'directory').stdout
        self.assertIn('directory.urls = ldap://nowhere.invalid', shown)
        self.assertIn('directory.basedn = ' + self.SUFFIX, shown)

    def test_port_and_ssl_on_the_command_line(self):
        out = self.configure('--noldap', '--ssl', '--ldapport', '1636', UGDIR_URL='ldap://dir.example')
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        self.assertIn('directory.urls = ldaps://dir.example:1636\n', self.command('msconfig', 'show', 'directory').stdout)

    def test_wrong_options_are_explained(self):
        for words, other, why in ((['--ldapport', 'x'], {}, '--ldapport must be'), (['--ldif'], {'UGDIR_URL': ''}, "directory of the site's own"),
                                  ([], {'UGDIR_BINDPW': base64.b64encode(b'wrong').decode()}, 'does not take this DN and password'),
                                  ([], {'dssetup.ugsuffix': 'o=nowhere'}, 'has no entry o=nowhere')):
            out = self.configure(*words, **other)
            self.assertEqual(out.returncode, 1)
            self.assertIn(why, out.stderr)
        shown = self.box.run([os.path.join(self.stage, 'bin/configure'), '--version'], env=dict(os.environ)).stdout
        self.assertTrue(shown.startswith('configure: Waxwing Messaging Server '), shown)


class PrivateSlapd(waxwing.TestCase):
    def test_a_profile_that_confines_the_packaged_slapd_does_not_reach_the_private_one(self):
        """AppArmor goes by the path of the file that is executed: ours is a file of its own, in the instance."""
        program = os.readlink(f'/proc/{self.box.pid("slapd")}/exe')
        self.assertEqual(program, os.path.join(self.box.root, 'directory/slapd'))
        self.assertFalse(os.path.islink(program))
        self.assertNotEqual(os.stat(program).st_ino, os.stat('/usr/sbin/slapd').st_ino)
        with open(program, 'rb') as ours, open('/usr/sbin/slapd', 'rb') as packaged:
            self.assertEqual(ours.read(), packaged.read())
        # The tool forms too: slapadd is the same file under another name in the package, and confined with it.
        with open(os.path.join(waxwing.STAGE, 'lib/private-slapd')) as f:
            script = f.read()
        self.assertNotIn('slapadd ', ''.join(l for l in script.splitlines() if not l.startswith('#')))
        self.assertIn('-T add', script)


if __name__ == '__main__':
    waxwing.main()
