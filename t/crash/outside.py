"""Mail for a host outside that takes one of two recipients at the first try, and the other at the next.

So one recipient of a queue file is marked as done while another waits, and the file gets the name of its next attempt.
A message may be given to such a host again, when whoever gave it died before that was written down; it is never lost.
"""
import itertools
import re
import smtplib

import fake_smtp
import model

DOMAIN = 'outside.test'


class TakesHalf(dict):
    """Answers to RCPT by local part: who is called later is put off once."""

    def get(self, local, default=None):
        if local.startswith('later') and local not in self:
            self[local] = '450 4.2.1 come again'
            return self[local]
        return default


class Outside:
    def __init__(self):
        self.server = fake_smtp.FakeServer()
        self.host = self.server.host()
        self.host.rcpt = TakesHalf()
        self.numbers, self.accepted = itertools.count(1), []

    def prepare(self, box):
        """Before the sandbox is started."""
        box.set_option('smtp.client.port', self.server.port)
        box.edit('local.rules', f'{DOMAIN} $U%{DOMAIN}@outside-daemon\n')
        box.edit('imta.cnf', f'\ntcp_outside smtp nomx daemon [{self.host.address}] backoff pt1s\noutside-daemon\n')
        box.command('imsimta', 'cnbuild')

    def close(self):
        self.server.close()

    def send(self, box):
        """True when it was accepted."""
        number = next(self.numbers)
        tag, locals_ = f'outside-{number}', [f'fine{number}', f'later{number}']
        try:
            with box.smtp() as client:
                client.sendmail('ann@elsewhere.test', [f'{name}@{DOMAIN}' for name in locals_], model.message_of(tag, 'ann'))
        except smtplib.SMTPRecipientsRefused as problem:
            if any(code >= 500 for code, _ in problem.recipients.values()):
                raise
            return False
        except smtplib.SMTPResponseException as problem:
            if problem.smtp_code >= 500:
                raise
            return False
        except (OSError, smtplib.SMTPException):
            return False
        self.accepted += [(tag, name) for name in locals_]
        return True

    def check(self):
        """When the queue is empty: each message that was accepted has reached each of its recipients, whole."""
        taken = set()
        for message in list(self.host.messages):
            tag = re.search(rb'^X-Tag: (\S+)\r$', message.data, re.M).group(1).decode()
            if not message.data.endswith(model.message_of(tag, 'ann')):
                raise model.Wrong(f'{tag} was changed on its way to {DOMAIN}')
            taken |= {(tag, re.search('<(.*?)@', rcpt).group(1)) for rcpt in message.rcpts}
        lost = [row for row in self.accepted if row not in taken]
        if lost:
            raise model.Wrong(f'accepted for {DOMAIN} and lost: {lost}')
