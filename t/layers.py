#!/usr/bin/env python3
"""Checks who includes whom against etc/layers; prints every arrow that is not in the table and fails."""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
SUFFIXES = ('.h', '.cc', '.inc')


def read_table(path):
    table = {}
    with open(path, encoding='utf-8') as lines:
        for number, line in enumerate(lines, 1):
            words = line.split('#')[0].split()
            if not words:
                continue
            if words[0] in table:
                sys.exit(f'{path}:{number}: room {words[0]} stands twice')
            table[words[0]] = words[1:]
    return table


def room_of(path, table):
    """The longest room that is a prefix of path, or None."""
    best = None
    for room in table:
        if path.startswith(room + '/') and (best is None or len(room) > len(best)):
            best = room
    return best


def allowed(source, target, table):
    for name in table[source]:
        if name == '*' or name == target or (name.endswith('/*') and target.startswith(name[:-1])):
            return True
        if name not in table and target.startswith(name + '/'):  # its sub-rooms
            return True
    return source == target


def sources(table):
    for top in sorted({room.split('/')[0] for room in table}):
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith(SUFFIXES):
                    yield os.path.join(folder, name)


def problems(table):
    for path in sources(table):
        source = room_of(path, table)
        if source is None:
            yield f'{path}: lies in no room of the table'
            continue
        with open(path, encoding='utf-8', errors='replace') as lines:
            for number, line in enumerate(lines, 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                target = room_of(match.group(1), table)
                where = f'{path}:{number}'
                if target is None:
                    if not os.path.exists(match.group(1)) and not os.path.exists(os.path.join(os.path.dirname(path), match.group(1))):
                        yield f'{where}: "{match.group(1)}" is no path from the top folder'
                elif not allowed(source, target, table):
                    yield f'{where}: {source} must not include {target} ({match.group(1)})'


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
    found = list(problems(read_table('etc/layers')))
    for line in found:
        print(line)
    if found:
        print(f'layers: {len(found)} arrows that etc/layers does not allow')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
