"""A name server on loopback that knows what a test tells it.

    server = FakeDns({'there.test': {'MX': ['10 mx.there.test'], 'A': ['127.0.1.1']}, 'sick.test': 'SERVFAIL'})
    box.set_option('dns.server', server.address)       # "127.0.0.1@port"

A name that is not in the table does not exist (NXDOMAIN); one without a record of that type has none (NOERROR).
server.asked is the list of (name, type) in the order they came.
"""
import socket
import struct
import threading

TYPES = {'A': 1, 'NS': 2, 'SOA': 6, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28}
NAMES = {number: name for name, number in TYPES.items()}
CODES = {'SERVFAIL': 2, 'REFUSED': 5}


def encode_name(name):
    return b''.join(bytes([len(label)]) + label.encode() for label in name.split('.') if label) + b'\0'


def encode_value(kind, text):
    if kind == 'A':
        return socket.inet_aton(text)
    if kind == 'AAAA':
        return socket.inet_pton(socket.AF_INET6, text)
    if kind == 'MX':
        preference, host = text.split()
        return struct.pack('>H', int(preference)) + encode_name(host)
    if kind == 'TXT':
        return bytes([len(text)]) + text.encode()
    return encode_name(text)


class FakeDns:
    def __init__(self, table):
        self.table, self.asked = table, []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(('127.0.0.1', 0))
        self.port = self.udp.getsockname()[1]
        self.address = f'127.0.0.1@{self.port}'
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                question, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            self.udp.sendto(self.answer(question), peer)

    def answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += question[at] + 1
        name, kind = '.'.join(labels).lower(), NAMES.get(struct.unpack('>H', question[at + 1:at + 3])[0], '?')
        self.asked.append((name, kind))
        known = self.table.get(name)
        code = CODES[known] if isinstance(known, str) else 0 if known is not None else 3
        values = known.get(kind, []) if isinstance(known, dict) else []
        head = question[:2] + struct.pack('>HHHHH', 0x8580 | code, 1, len(values), 0, 0)
        records = b''
        for value in values:
            data = encode_value(kind, value)
            records += b'\xc0\x0c' + struct.pack('>HHIH', TYPES[kind], 1, 60, len(data)) + data
        return head + question[12:at + 5] + records

    def close(self):
        self.udp.close()
