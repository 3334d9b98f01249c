#!/usr/bin/env python3
"""The conversion channel: what programs make of the parts of messages, and those that hang, fork or write for ever."""
import email
import email.policy
import json
import os
import re
from email.message import EmailMessage

import waxwing

PASSWORD = 'correct horse'

# name: (clauses, what the script does)
ENTRIES = {
    'upper': ('in-type=text; in-subtype=x-upper; out-subtype=plain; parameter-copy-0=charset',
              'tr a-z A-Z < "$INPUT_FILE" > "$OUTPUT_FILE"'),
    'look': ('in-type=application; in-subtype=x-look; parameter-symbol-0=NAME; dparameter-symbol-0=FILENAME; original-header-file=1; '
             'message-header-file=2; in-description=*; tag=*', '''env > "$OUT/env"; cat "$INPUT_FILE" > "$OUT/input"
cat "$INPUT_HEADERS" > "$OUT/headers"; cat "$MESSAGE_HEADERS" > "$OUT/message"; echo "$1" > "$OUT/word"'''),
    'renamed': ('in-type=application; in-subtype=x-renamed; override-option-file=1; override-header-file=1',
                '''printf 'OUTPUT_TYPE=image\\nOUTPUT_SUBTYPE="png"\\nOUTPUT_ENCODING=base64\\n' > "$OUTPUT_OPTIONS"
echo 'Content-Language: en' > "$OUTPUT_HEADERS"; echo 'Subject: stolen' >> "$OUTPUT_HEADERS"; printf 'a\\0b' > "$OUTPUT_FILE"'''),
    'returns': ('in-type=application; in-subtype=x-virus; override-option-file=1',
                'echo "OUTPUT_DIAGNOSTIC=\'a virus: Eicar\'" > "$OUTPUT_OPTIONS"; echo STATUS=PMDF__FORCERETURN >> "$OUTPUT_OPTIONS"'),
    'holds': ('in-type=application; in-subtype=x-hold; override-option-file=1',
              'echo STATUS=PMDF__FORCEHOLD > "$OUTPUT_OPTIONS"; echo OUTPUT_DIAGNOSTIC=suspicious >> "$OUTPUT_OPTIONS"'),
    'discards': ('in-type=application; in-subtype=x-discard; override-option-file=1', 'echo STATUS=PMDF__FORCEDISCARD > "$OUTPUT_OPTIONS"'),
    'deletes': ('in-type=application; in-subtype=x-delete; override-option-file=1', 'echo STATUS=PMDF__FORCEDELETE > "$OUTPUT_OPTIONS"'),
    'nonsense': ('in-type=application; in-subtype=x-nonsense; override-option-file=1', 'echo STATUS=77 > "$OUTPUT_OPTIONS"'),
    'fails': ('in-type=application; in-subtype=x-fail', 'echo no licence; exit 3'),
    'hangs': ('in-type=application; in-subtype=x-hang', 'echo $$ > "$OUT/hang.pid"; exec sleep 1000'),
    'forks': ('in-type=application; in-subtype=x-fork', 'exec 2> /dev/null; bomb() { bomb | bomb & }; trap "" TERM; bomb; sleep 1000'),
    'talks': ('in-type=application; in-subtype=x-talk', 'exec yes'),
    'fills': ('in-type=application; in-subtype=x-fill', 'exec cat /dev/zero > "$OUTPUT_FILE"'),
    'link': ('in-type=application; in-subtype=x-link', 'ln -s /etc/hostname "$OUTPUT_FILE"'),
}


def account():
    """Where the tests run as root, commands get an account of their own."""
    return 'nobody' if os.geteuid() == 0 else ''


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    for name, value in (('timeout', 3), ('maxprocesses', 30), ('maxfile', 1 << 20), ('maxparts', 5)):
        box.set_option(f'conversion.{name}', value)
    config = os.path.join(box.root, 'config')
    box.out = os.path.join(box.folder, 'out')
    os.mkdir(box.out)
    os.chmod(box.out, 0o777)
    for path in (box.folder, box.root):
        os.chmod(path, 0o755)
    with open(os.path.join(config, 'conversions'), 'w') as f:
        f.write('! For the tests.\n')
        for name, (clauses, script) in ENTRIES.items():
            path = os.path.join(box.folder, name)
            with open(path, 'w') as program:
                program.write(f'#!/bin/sh\numask 0\nOUT="{box.out}"\n{script}\n')
            os.chmod(path, 0o755)
            f.write(f'in-chan=tcp_*; out-chan=ims-ms; {clauses};\n  command="{path} \'NAME\'"\n')
        f.write('in-type=application; in-subtype=x-exe; delete=1\n\n')
        f.write('tag=whole; service-command="sed s/Monday/Tuesday/ < \'INPUT_FILE\' > \'OUTPUT_FILE\'"\n')
    box.edit('local.rules', 'far.test  $U%$D@bitbucket-daemon\n')
    box.edit('mappings', '\nCONVERSIONS\n\n  IN-CHAN=*;OUT-CHAN=ims-ms;CONVERT  Yes\n'
             '\nFROM_ACCESS\n\n  *|tagger@far.test|*  $G$Ywhole,other\n')
    box.edit('mappings', '\nCHARSET-CONVERSION\n\n  IN-CHAN=*;OUT-CHAN=ims-ms;CONVERT  Yes\n'
             '  IN-CHAN=*;OUT-CHAN=ims-ms;IN-CHARSET=iso-8859-15  OUT-CHARSET=utf-8\n'
             '  IN-CHAN=*;OUT-CHAN=ims-ms;IN-CHARSET=x-of-nowhere  OUT-CHARSET=utf-8\n')
    box.edit('imta.cnf', lambda text: text.replace('\nims-ms ', '\nims-ms serviceconversion conversiontag look '))
    if account():
        box.edit('imta.cnf', lambda text: text.replace('\nconversion\n', f'\nconversion user {account()}\n'))
    box.command('imsimta', 'cnbuild')
    box.start()


def message(*parts, subject='to convert'):
    """Each part: (subtype of application, bytes), or text."""
    whole = EmailMessage()
    whole['Subject'] = subject
    whole['From'] = 'alice@far.test'
    whole.set_content('See the parts.\n')
    for part in parts:
        if isinstance(part, str):
            whole.add_attachment(part, subtype='x-upper')
        else:
            whole.add_attachment(part[1], maintype='application', subtype=part[0], filename=part[2] if len(part) > 2 else 'a file.bin')
    if not parts:
        whole.make_mixed()
    return whole


def text(part):
    return part.get_content().replace('\r\n', '\n')


class Conversion(waxwing.TestCase):
    users = 0

    def setUp(self):
        Conversion.users += 1
        self.user = f'user{Conversion.users}'
        self.to = self.box.user(self.user, PASSWORD)
        self.log = self.box.log('conversion')

    def tearDown(self):
        for channel in ('conversion', 'ims-ms'):
            self.box.command('imsimta', 'qm', 'directory', channel, check=False)
            self.box.command('imsimta', 'qm', 'delete', '-all', '-nolog', check=False)

    def send(self, text, sender='alice@far.test'):
        with self.box.smtp() as client:
            client.sendmail(sender, [self.to], text if isinstance(text, str) else text.as_bytes(policy=email.policy.SMTP))

    def received(self):
        self.box.wait_messages(self.user, PASSWORD, 1)
        with self.box.imap(self.user, PASSWORD) as client:
            client.select('INBOX')
            return email.message_from_bytes(client.fetch('1', '(BODY.PEEK[])')[1][0][1], policy=email.policy.default)

    def out(self, name):
        with open(os.path.join(self.box.out, name)) as f:
            return f.read()

    def outcome(self, *parts):
        """The log line that tells what became of a message with such a part."""
        self.log = self.box.log('conversion')
        self.send(message(*parts))
        return self.log.wait(rf'mta\.(?!enqueue)\w+ .*{self.user}@')

    def types(self, whole):
        return [part.get_content_type() for part in whole.walk() if not part.is_multipart()]

    def test_a_part_is_replaced_and_the_others_stay(self):
        self.send(message('quiet words \u00e4\n', ('octet-stream', b'\0\1\2')))
        whole = self.received()
        self.assertEqual(self.types(whole), ['text/plain', 'text/plain', 'application/octet-stream'])
        parts = list(whole.iter_parts())
        self.assertEqual(text(parts[0]), 'See the parts.\n')
        self.assertEqual(text(parts[1]), 'QUIET WORDS \u00e4\n')
        self.assertEqual(parts[2].get_content(), b'\0\1\2')
        self.assertEqual(whole['Subject'], 'to convert')
        self.assertIn('from conversion-daemon', str(whole['Received']))
        self.assertEqual(len(whole.get_all('Return-Path')), 1)
        self.assertEqual(os.listdir(os.path.join(self.box.root, 'conversion')), [])
        self.box.wait_queue_empty()
        before = re.search(r'qid=(\S+)', self.log.wait(rf'mta\.delivered .*{self.user}@')).group(1)
        trace = json.loads(self.box.command('imsimta', 'trace', '-json', before).stdout)
        self.assertEqual([kept['mailbox'] for kept in trace['store']], [f'user/{self.user}/INBOX'])

    def test_what_a_command_sees(self):
        name = 'a "$(touch /tmp/waxwing-was-here)`\';.exe'
        self.send(message(('x-look', b'the bytes\0', name)))
        self.assertEqual(list(self.received().iter_parts())[1].get_content(), b'the bytes\0')
        environment = dict(line.split('=', 1) for line in self.out('env').splitlines() if '=' in line)
        for key, value in {'INPUT_TYPE': 'application', 'INPUT_SUBTYPE': 'x-look', 'INPUT_CHANNEL': 'tcp_intranet', 'OUTPUT_CHANNEL': 'ims-ms',
                           'INPUT_ENCODING': 'base64', 'INPUT_DISPOSITION': 'attachment', 'PART_NUMBER': '2', 'ATTACHMENT_NUMBER': '2',
                           'CONVERSION_TAG': 'look', 'FILENAME': name}.items():
            self.assertEqual(environment.get(key), value, key)
        self.assertFalse({key for key in environment if key.startswith('WAXWING')})
        self.assertEqual(self.out('input'), 'the bytes\0')
        self.assertIn('Content-Type: application/x-look\n', self.out('headers'))
        self.assertIn('Subject: to convert\n', self.out('message'))
        self.assertEqual(self.out('word'), '\n')  # there is no parameter name: one empty word
        self.assertFalse(os.path.exists('/tmp/waxwing-was-here'))

    def test_options_and_headers_of_the_result(self):
        self.send(message(('x-renamed', b'x')))
        whole = self.received()
        part = list(whole.iter_parts())[1]
        self.assertEqual(part.get_content_type(), 'image/png')
        self.assertEqual(part.get_content(), b'a\0b')
        self.assertEqual(part['Content-Language'], 'en')
        self.assertEqual(whole['Subject'], 'to convert')
        self.assertIsNone(part['Subject'])

    def test_parts_are_taken_out(self):
        self.send(message(('x-delete', b'x'), 'words\n', ('x-exe', b'MZ'), ('x-exe', b'MZ')))
        self.assertEqual(self.types(self.received()), ['text/plain', 'text/plain'])

    def test_the_only_part_is_left_empty(self):
        self.send('Subject: only\r\nMIME-Version: 1.0\r\nContent-Type: application/x-exe\r\n\r\nMZ\r\n')
        whole = self.received()
        self.assertEqual((whole.get_content_type(), whole['Subject'], whole.get_content().strip()), ('text/plain', 'only', ''))

    def test_parts_of_messages_inside(self):
        outer = message()
        outer.add_attachment(message('inner words\n'))
        self.send(outer)
        inner = list(self.received().iter_parts())[1].get_content()
        self.assertEqual(text(list(inner.iter_parts())[1]), 'INNER WORDS\n')

    def test_a_message_is_returned_held_or_thrown_away(self):
        self.assertRegex(self.outcome('words\n', ('x-virus', b'x')), r'mta\.failed .*5\.7\.1 a virus: Eicar')
        self.assertRegex(self.outcome(('x-discard', b'x')), r'mta\.delivered .*2\.0\.0 discarded by a conversion')
        self.assertRegex(self.outcome(('x-hold', b'x')), r'mta\.delivered .*2\.5\.0 held by a conversion: suspicious, queued as')
        self.assertEqual([name[-5:] for name in self.box.queue_files('ims-ms')], ['.HELD'])
        self.box.command('imsimta', 'qm', 'directory', '-held', 'ims-ms')
        self.box.command('imsimta', 'qm', 'release', '1')
        self.assertEqual(self.types(self.received()), ['text/plain', 'application/x-hold'])

    def test_a_command_that_fails_lets_nothing_by(self):
        for kind, says in (('x-fail', r'conversions:\d+ ended with 3: no licence'), ('x-nonsense', r'no STATUS is called 77'),
                           ('x-hang', r'did not end in 3 seconds'), ('x-fork', r'did not end in 3 seconds'),
                           ('x-talk', r'wrote more than 65536 bytes'), ('x-fill', r'ended by signal 25|ended with 1'), ('x-link', r'.')):
            with self.subTest(kind):
                self.assertRegex(self.outcome((kind, b'x')), rf'mta\.deferred .*4\.3\.0 .*{says}')
        with self.assertRaises(ProcessLookupError):
            os.kill(int(self.out('hang.pid')), 0)
        self.assertEqual(os.listdir(os.path.join(self.box.root, 'conversion')), [])
        self.send(message('still works\n'))
        self.received()

    def test_too_many_parts_are_held(self):
        self.assertRegex(self.outcome(*['words\n'] * 6), r'held by a conversion: more than 5 of its parts')

    def test_hostile_structures_are_held(self):
        deep = ''.join(f'Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n' for i in range(80))
        wide = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n' + '--b\r\n\r\n\r\n' * 6000
        for text in (deep, wide):
            self.log = self.box.log('conversion')
            self.send('Subject: x\r\nMIME-Version: 1.0\r\n' + text)
            self.assertRegex(self.log.wait(rf'mta\.\w+ .*{self.user}@'), r'held by a conversion: the message has too many parts, or they are nested too deep')

    def test_charsets_behind_the_channel(self):
        head = 'Subject: =?iso-8859-15?Q?=A4?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'
        self.send(f'{head}Content-Type: text/x-upper; charset=iso-8859-15\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
                  'quiet =A4\r\n--b--\r\n')
        whole = self.received()
        part = list(whole.iter_parts())[0]
        self.assertEqual((whole['Subject'], part.get_content_type(), part.get_param('charset')), ('\u20ac', 'text/plain', 'utf-8'))
        self.assertEqual(text(part).strip(), 'QUIET \u20ac')

    def test_an_unknown_charset_stays_and_is_told_of(self):
        # No program is for it here, but the message goes by way of the channel all the same: its log tells.
        self.send('Subject: odd\r\nContent-Type: text/plain; charset=x-of-nowhere\r\nContent-Transfer-Encoding: 8bit\r\n\r\nodd \x7f\r\n')
        whole = self.received()
        self.assertEqual((whole.get_param('charset'), whole.get_payload()), ('x-of-nowhere', 'odd \x7f\r\n'))
        self.assertRegex(self.log.wait(r'mta\.charset_conversion\.kept '), r'channel=ims-ms .*part=1 .*one of the charsets is not known')

    def test_a_service_command_sees_the_whole_message(self):
        self.send('Subject: on Monday\r\n\r\nMonday it is.\r\n', sender='tagger@far.test')
        whole = self.received()
        self.assertEqual(whole['Subject'], 'on Tuesday')
        self.assertEqual(text(whole), 'Tuesday it is.\n')

    def test_a_message_that_no_entry_is_for_is_not_touched(self):
        plain = 'From: alice@far.test\r\nSubject: plain\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\nodd  \r\n\tone\r\n--x--\r\ntail\r\n'
        self.send(plain)
        self.box.wait_messages(self.user, PASSWORD, 1)
        with self.box.imap(self.user, PASSWORD) as client:
            client.select('INBOX')
            self.assertEqual(client.fetch('1', '(BODY.PEEK[TEXT])')[1][0][1].decode(), plain.partition('\r\n\r\n')[2])

    def test_wrong_entries_are_told_by_cnbuild(self):
        path = os.path.join(self.box.root, 'config', 'conversions')
        with open(path) as f:
            before = f.read()
        try:
            with open(path, 'a') as f:
                f.write('\nin-tpye=text; delete=1\n')
            result = self.box.command('imsimta', 'cnbuild', '-check', check=False)
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, r'conversions:\d+: unknown clause "in-tpye"')
        finally:
            with open(path, 'w') as f:
                f.write(before)


if __name__ == '__main__':
    waxwing.main()
