"""What README.md tells people to type, as it stands there."""
import os
import re
import shutil
import subprocess
import tempfile

import waxwing


def setUpModule():
    waxwing.start_shared()


class Readme(waxwing.TestCase):
    def setUp(self):
        with open(os.path.join(waxwing.TOP, 'README.md')) as f:
            self.text = f.read()
        self.folder = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, self.folder, True)

    def shell(self, script):
        out = subprocess.run(['bash', '-euc', script], capture_output=True, text=True, errors='replace', timeout=2 * waxwing.DEADLINE,
                             cwd=self.folder, env=dict(self.box.env, HOME=self.folder, TERM='dumb'), stdin=subprocess.DEVNULL)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        return out.stdout

    def test_your_own_client(self):
        for uid in ('alice', 'bob'):
            self.box.command('commadmin', 'user', 'create', '--uid', uid, '--password', uid + '-secret', '--first', uid,
                             '--last', 'Demo')
        self.shell('printf "Subject: the first\\n\\nfor bob\\n" | curl -sS --crlf --cacert "$CA_FILE" '
                   '--user alice@example.test:alice-secret -T - --mail-from alice@example.test '
                   '--mail-rcpt bob@example.test "smtps://localhost:$SUBMITS_PORT"')
        self.box.wait_messages('bob', 'bob-secret', 1)
        script = re.search(r'```sh\n(.*?)```', self.text, re.S).group(1)
        # mutt wants a terminal to read; here it sends.
        script = script.replace('mutt -F muttrc\n', 'echo hello | mutt -F muttrc -s "from mutt" -- alice@example.test\n')
        self.assertIn('Subject: the first', self.shell(script))
        copies = os.listdir(os.path.join(self.folder, 'bob/INBOX/cur')) + os.listdir(os.path.join(self.folder, 'bob/INBOX/new'))
        self.assertEqual(len(copies), 1)
        # What mbsync knows of both sides goes with the copy: a demo begun anew meets no memory of the earlier one.
        self.assertFalse(os.path.exists(os.path.join(self.folder, '.mbsync')))
        self.box.wait_messages('alice', 'alice-secret', 2)

    def test_the_commands_of_the_table_are_there(self):
        table = re.search(r'(?s)\| what \| with \|.*?\n\n', self.text).group(0)
        shown = re.findall(r'`([a-z]+(?:-msg)?)\b[^`]*`', table)
        programs = set(os.listdir(os.path.join(waxwing.STAGE, 'bin')))
        self.assertIn('imsimta', shown)
        self.assertEqual(set(shown) - programs - {'aliases', 'config', 'grep', 'mappings'}, set())


if __name__ == '__main__':
    waxwing.main()
