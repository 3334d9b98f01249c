"""A small LMTP client for tests: raw lines, every reply collected whole."""
import socket

import waxwing


class Lmtp:
    def __init__(self, port, hello=True):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=waxwing.DEADLINE)
        self.file = self.socket.makefile('rb')
        self.greeting = self.reply()
        if hello:
            assert self.say('LHLO client.test')[0] == 250

    def reply(self):
        """(code, text), lines joined by newlines."""
        lines = []
        while True:
            line = self.file.readline().decode('utf-8', 'replace').rstrip('\r\n')
            if not line:
                raise EOFError('the server has closed the connection')
            lines.append(line[4:])
            if line[3:4] != '-':
                return int(line[:3]), '\n'.join(lines)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def say(self, line):
        self.send(line + '\r\n')
        return self.reply()

    def deliver(self, sender, recipients, message):
        """Answers what RCPT said and, for those accepted, what came after the message: {recipient: [replies]}."""
        assert self.say(f'MAIL FROM:<{sender}>')[0] == 250
        answers = {}
        for recipient in recipients:
            answers[recipient] = [self.say(f'RCPT TO:<{recipient}>')]
        taken = [r for r in recipients if answers[r][0][0] == 250]
        if not taken:
            self.say('RSET')
            return answers
        assert self.say('DATA')[0] == 354
        lines = message.replace('\r\n', '\n').split('\n')
        if lines and lines[-1] == '':
            lines.pop()
        self.send(''.join(('.' if line.startswith('.') else '') + line + '\r\n' for line in lines) + '.\r\n')
        for recipient in taken:
            answers[recipient].append(self.reply())
        return answers

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
