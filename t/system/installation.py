"""A real installation: an installed tree that belongs to root, its instance elsewhere, services of another user.

    box = waxwing.share(installation.Installation())     # skips the test unless root runs it
    box.start()

In a sandbox one user owns everything and the instance is one folder, so only here it shows when a service writes where
it may not. Commands are those of PREFIX/bin, as on an operator's PATH.
"""
import base64
import os
import ssl
import tempfile
import unittest

import waxwing

NAMES = ('SMTP', 'SUBMIT', 'SUBMITS', 'LMTP', 'IMAP', 'IMAPS', 'POP', 'POPS')
OPTIONS = ('smtp.port', 'submit.port', 'submit.sslport', 'lmtp.port', 'imap.port', 'imap.sslport', 'pop.port', 'pop.sslport')


class Installation(waxwing.Sandbox):
    def __init__(self, user='nobody', domain='siroe.test', data='var opt'):
        if os.getuid() != 0:
            raise unittest.SkipTest('only root can have services run as somebody else')
        self.folder = tempfile.mkdtemp(prefix='waxwing-')
        os.chmod(self.folder, 0o755)
        self.prefix, self.root = os.path.join(self.folder, 'opt'), os.path.join(self.folder, data)
        self.ports, self.domain, self.user_name, self.started = waxwing.PortRange(), domain, user, False
        self.env = dict(os.environ, CA_FILE=os.path.join(self.root, 'tls/server.pem'),
                        **{f'{name}_PORT': str(self.ports.base + n) for n, name in enumerate(NAMES)})
        try:
            self.install()
            self.configure()
            self.command('msconfig', 'set', 'local.listenaddr', '127.0.0.1',
                         *(word for n, option in enumerate(OPTIONS) for word in (option, self.ports.base + n)))
        except BaseException:
            self.remove()
            raise

    def install(self):
        os.makedirs(self.prefix, exist_ok=True)
        self.run([os.path.join(waxwing.TOP, 'etc/make/install-tree'), waxwing.STAGE, self.prefix])

    def configure(self, check=True, **other):
        given = {'Fqdn.TextField': 'mail.' + self.domain, 'msg.DataPath': self.root, 'iMS.UserId': self.user_name,
                 'EmailDomain.TextField': self.domain, 'Postmaster.TextField': 'admin@' + self.domain,
                 'admin.password': base64.b64encode(b'admin-secret').decode(), **other}
        state = os.path.join(self.folder, 'state')
        with open(state, 'w') as file:
            file.write(''.join(f'{name}={value}\n' for name, value in given.items()))
        return self.command('configure', '--state', state, check=check)

    def command(self, *words, **more):
        return self.run([os.path.join(self.prefix, 'bin', words[0])] + [str(w) for w in words[1:]], **more)

    def tls(self):
        trusted = ssl.create_default_context(cafile=self.env['CA_FILE'])
        trusted.check_hostname = False  # it is for mail.DOMAIN
        return trusted
