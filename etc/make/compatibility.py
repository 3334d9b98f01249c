#!/usr/bin/env python3
"""What of the documented MTA is here: reads man/compatibility.list and the code, and says what each name's state is.

The list holds every name in sections. A name that stands there alone has its state from the code, by one of the readers
below; a name the code does not know says itself what it is: "not yet", or "refused:" or "needless:" and why. Where no
table of the code can be read, "implemented: FILE: TEXT" names a text of the code that makes it so.

Run, it brings the list up to the code (a name that the code has now loses its state, one that nobody listed comes at the end
of its section) and writes the tables of man/compatibility.7; t/system/test_compatibility.py sees that all agree.
"""
import pathlib
import re

root = pathlib.Path(__file__).resolve().parents[2]
LIST = "man/compatibility.list"
HERE, NOT_YET, REFUSED, NEEDLESS = "implemented", "not yet", "refused", "needless"


def text_of(*paths):
    return "\n".join((root / path).read_text() for path in paths)


def found(pattern, *paths, flags=0):
    """All that a pattern with one group finds in the files, each once."""
    return list(dict.fromkeys(re.findall(pattern, text_of(*paths), flags)))


def block(path, begin, end):
    """The text between the first match of begin and the next of end."""
    text = text_of(path)
    start = re.search(begin, text)
    assert start, f"{path}: {begin} is not there any more"
    return text[start.end():start.end() + re.search(end, text[start.end():]).start()]


def here(names):
    return {name: (HERE, "") for name in names}


# ---- readers: {name: (state, note)} of what the code has
def keywords():
    states = {"implemented": (HERE, ""), "inherent": (HERE, "always so"), "not_yet": (NOT_YET, ""),
              "filters": (NOT_YET, "waits for the filter engine")}
    row = re.compile(r'^KEYWORD\(\w+, "([^"]+)", "[^"]*", \w+, (\w+), \w+, "(.*)"\)$', re.M)
    return {name: (REFUSED, help_text) if state == "refused" else states[state]
            for name, state, help_text in row.findall(text_of("mta/config/keywords.inc"))}


def mta_options():
    row = re.compile(r'^MTA_OPTION\((\w+), \w+, "(?:[^"\\]|\\.)*", (\w+), "(.*)"\)$', re.M)
    out = {}
    for name, implemented, help_text in row.findall(text_of("mta/config/mta_options.inc")):
        out[name] = {"true": (HERE, ""), "needless": (HERE, ""), "false": (NOT_YET, ""), "filters": (NOT_YET, "waits for the filter engine")}[implemented]
        if help_text.startswith("See "):
            out[name] = (NEEDLESS, "see " + help_text[4:])
        elif help_text.startswith("Accepted; "):
            out[name] = (NEEDLESS, help_text[10:])
    return out


def tcp_options():
    path = "mta/transport/tcp_options.cc"
    names = here(found(r'\{"(\w+)", &TcpOptions::', path) + found(r'name == "(\w+)"', path))
    idle = re.findall(r'"(\w+)"', block(path, r"kWithoutEffect\[\] = \{", r"\};"))
    return names | {name: (NEEDLESS, "") for name in idle}


def rule_template():
    path = "mta/config/rule_template.cc"
    letters = found(r"\{'(\\?.)', StepKind::\w+", path) + found(r"c == '(.)'\) return wild", path)
    letters += re.findall(r"c == '(.)'", block(path, r"if \(c == '\]' ", r"return bracket").join(["c == ']' ", ""]))
    letters += re.findall(r"c == '([$%@])'", block(path, r"if \(number < 0\) \{", r"return literal"))
    internal = found(r"number == 1 && c == '(.)'", path)
    return here(["$" + letter.replace("\\\\", "\\") for letter in letters] + ["$1" + letter for letter in internal])


def mapping_pattern():
    path = "mta/config/mapping_pattern.cc"
    letters = re.findall(r"case '(.)':", block(path, "class_of", "default:"))
    letters += re.findall(r"c == '(.)'", block(path, r"Result<> sequence\(char c\) \{", "is_alpha"))
    return here(["$" + letter for letter in letters] + (["$n*"] if "return again(" in text_of(path) else []) + ["*", "%"])


def mapping_template():
    body = block("mta/config/mapping_template.cc", r"Result<> sequence\(char c\) \{", "return literal")
    letters = re.findall(r"case '(\\?.)':", body)
    return here(["$" + letter.replace("\\\\", "\\") for letter in letters] + (["$n"] if "Kind::saved" in body else []))


def table_flags():
    """{table: flags} of what whoever asks a table acts on."""
    path = "mta/config/mta_config_builder.cc"
    access = found(r'kAccessFlags = "([^"]+)"', path)[0]
    rows = re.findall(r'\{"([A-Z_]+)", (?:"([^"]+)"|kAccessFlags)\}', block(path, r"kTableFlags\[\] = \{", r"\};"))
    return {table: flags or access for table, flags in rows}


def mapping_tables():
    asked = found(r'(?:by_table|apply_mapping)\(\w+, "([A-Z_-]+)"', *sources("mta"))
    own = re.findall(r'"([A-Z_-]+)"', block("mta/config/mappings.cc", r"kOwnNames\[\] = \{", r"\};"))
    return here(dict.fromkeys(own + asked + list(table_flags())))


def access_flags():
    used = table_flags()["SEND_ACCESS"]
    return here("$" + flag for flag in used)


def port_access_flags():
    return here("$" + flag for flag in table_flags()["PORT_ACCESS"])


def reverse_flags():
    return here("$" + flag for flag in table_flags()["REVERSE"])


def forward_flags():
    return here("$" + flag for flag in table_flags()["FORWARD"])


def input_flags():
    return here("$" + flag for flag in found(r"(?:flags|inputs)\.set\('(.)'\)", "mta/policy/access.cc"))


def list_parameters():
    row = r'\{"(\w+)",\s*Takes::\w+,\s*(\w+),\s*"([^"]+)"'
    states = {"here": HERE, "needless": NEEDLESS, "refused": REFUSED, "filters": NOT_YET}
    notes = {"here": "", "filters": "waits for the filter engine"}
    return {name: (states[state], notes.get(state, text))
            for name, state, text in re.findall(row, text_of("mta/config/alias_list.cc"))}


def job_controller_options():
    path = "job_controller/controller_config.cc"
    names = found(r'name [!=]= "(\w+)"', path) + re.findall(r'"(\w+)"', block(path, r"kWindowOptions = \{", r"\};"))
    idle = dict(re.findall(r'Idle\{"(\w+)", "([^"]+)"\}', text_of(path)))
    return here(name.upper() for name in names) | {name.upper(): (NEEDLESS, why) for name, why in idle.items()}


def dispatcher_options():
    path = "dispatcher/settings.cc"
    names = found(r'\{"(\w+)", \d+, set_number', path) + found(r'name == "(\w+)"', path)
    idle = re.findall(r'"(\w+)"', block(path, r"kIgnored\[\] = \{", r"\};"))
    return here(names) | {name: (NEEDLESS, "") for name in idle}


def log_codes():
    message = found(r"action = '(.)'", "mta/submission/log_records.cc", "smtpd/records.cc")
    message += found(r"'([A-Z])'", "channels/master/records.cc")
    return here(message)


def connection_codes():
    codes = found(r"record_connection\('(.)'", "smtpd/secure.cc", "smtpd/session.cc", "smtpd/etrn.cc")
    codes += found(r"record\('(.)'", "channels/tcp_smtp_client/connection.cc", "channels/tcp_smtp_client/records.cc")
    codes += found(r"write\(settings, '(.)'", "channels/tcp_smtp_client/records.cc")
    codes += found(r"record\(connection, .*'(.)'", "dispatcher/service.cc")
    return here(dict.fromkeys(codes))


def log_modifiers():
    return here(found(r"out \+= '([A-Z])';", "mta/mail_log/format.cc"))


def log_attributes():
    path = "mta/mail_log/format.cc"
    return here(found(r'(?:put|optional|put_address)\("(\w\w)"', path) + found(r'put_if\(Opt::\w+, "(\w\w)"', path))


def notice_sequences():
    return here("%" + letter for letter in found(r"case '(.)':", "mta/notify/templates.cc"))


def notice_files():
    path = "mta/notify/templates.cc"
    families = (("return", r"kDelivery = \{"), ("disposition", r"kDisposition = \{"))
    return here(f"{family}_{name}.txt" for family, start in families
                for name in re.findall(r'Fallback\{"(\w+)"', block(path, start, r"\};")))


def old_option_names():
    paths = sorted(str(p.relative_to(root)) for p in (root / "common/config/options").glob("*.inc"))
    return here(name for name in found(r'^\{"[^"]+", "([^"]*)", OptionType', *paths, flags=re.M) if name)


def imsimta_commands():
    return here(re.findall(r'^    \{"(\w+)",', text_of("tools/imsimta/commands.cc"), re.M))


def qm_commands():
    rows = block("tools/imsimta/qm_commands.cc", r"kCommands\[\] = \{", r"\n\};")
    return here(re.findall(r'(?m)^    \{"(\w+)', rows) + found(r'words->front\(\), "(\w+)"', "tools/imsimta/qm.cc"))


def qualifiers(*files, more=()):
    """Of commands of imsimta: what their code takes from the command line."""
    def read():
        paths = [f"tools/imsimta/{name}.cc" for name in files]
        taken = found(r'\btake(?:_pair)?\("(\w+)"', *paths)
        for path, begin, item in more:
            taken += re.findall(item, block(path, begin, r"\};|\}\)"))
        return here("-" + name for name in dict.fromkeys(taken))
    return read


def letters_of(path):
    """The letters of a program's getopt()."""
    def read():
        text = text_of(path)
        return here("-" + c for c in re.search(r'getopt(?:_long)?\(argc, argv, "([^"]+)"', text)[1] if c.isalpha())
    return read


def msconfig_commands():
    return here(found(r"msconfig (\w+)", "tools/msconfig/main.cc"))


def programs():
    return here(path.parent.name for path in root.glob("*/**/main.cc") if path.parts[len(root.parts)] in ("tools", "store", "watcher"))


def sources(room):
    return sorted(str(p.relative_to(root)) for p in (root / room).rglob("*") if p.suffix in (".cc", ".h"))


def nothing():
    return {}


TEST = "tools/imsimta/test.cc"
QUEUE = "tools/imsimta/queue_command.cc"
def conversions():
    clauses = re.findall(r'\{"([\w-]+)", Takes::\w+(, true)?\}', text_of("mta/config/conversions.cc"))
    variables = re.findall(r'\{"(\w+)", ', block("channels/conversion/part_run.cc", r'"QUEUE_ID"', r"\};"))
    answers = found(r'\{"(OUTPUT_\w+)", &PartOptions::', "channels/conversion/options_file.cc")
    return here([name + "-N" * bool(numbered) for name, numbered in clauses] + variables + answers + ["STATUS"])


READERS = {
    "conversion": conversions,
    "keyword": keywords, "option": mta_options, "tcp_option": tcp_options, "rule": rule_template, "list_parameter": list_parameters,
    "pattern": mapping_pattern, "template": mapping_template, "table": mapping_tables, "access_flag": access_flags,
    "port_flag": port_access_flags, "reverse_flag": reverse_flags, "forward_flag": forward_flags, "input_flag": input_flags,
    "job_controller": job_controller_options, "dispatcher": dispatcher_options, "log_code": log_codes,
    "connection_code": connection_codes, "log_modifier": log_modifiers, "log_attribute": log_attributes,
    "notice_sequence": notice_sequences, "notice_file": notice_files, "configutil": old_option_names,
    "imsimta": imsimta_commands, "qm": qm_commands, "program": programs, "msconfig": msconfig_commands,
    "imsimta_cache": qualifiers("queue_command", more=[(QUEUE, r"kScopes\[\] = \{", r'"(\w+)"')]), "imsimta_cnbuild": qualifiers("cnbuild"),
    "imsimta_crdb": qualifiers("crdb", more=[("tools/imsimta/crdb.cc", r"usual : \{", r'"(\w+)"')]), "imsimta_program": qualifiers("program"),
    "imsimta_counters": qualifiers("counters"),
    "imsimta_logs": qualifiers("logs", more=[("tools/imsimta/logs.cc", r"struct Place \{", r'take_number\(arguments, "(\w+)"'),
                                             ("tools/imsimta/logs.cc", r"struct Keep \{", r'take_number\(arguments, "(\w+)"')]),
    "imsimta_qclean": qualifiers("qm_clean", more=[("tools/imsimta/qm_clean.cc", r"target\] : ", r'\{"(\w+)", &')]),
    "imsimta_test": qualifiers("test"),
    "imsimta_rewrite": qualifiers("test_rewrite", more=[(TEST, r"kReplaced\[\] = ", r'\{"(\w+_file)", '),
                                                             (TEST, r"SourceSet> sources_for_test", r'take\("(\w*image_file)"')]),
    "imsimta_mapping": qualifiers("test_mapping"),
    "qm_list": qualifiers("qm_list", "qm_commands", "qm_summarize", "qm_read"), "qm_change": qualifiers("qm_change"), "qm_top": qualifiers("qm_top", more=[("tools/imsimta/qm_top.cc", r"kAlso = \{", r'\{"(\w+)", "')]),
    "mboxutil": letters_of("tools/mboxutil/main.cc"), "reconstruct": letters_of("tools/reconstruct/main.cc"),
    "configutil_letter": letters_of("tools/configutil/main.cc"), "imcheck": letters_of("tools/imcheck/main.cc"),
    "none": nothing,
}


class Section:
    """rows: [(name, state or None, note)]; None: the code says it."""

    def __init__(self, key, title):
        self.key, self.title, self.intro, self.rows = key, title, [], []

    def states(self):
        """[(name, state, note)] with the code's word for what stands alone; a name that nobody knows has the state None."""
        code = READERS[self.key]()
        return [(name, *(code.get(name, (None, "")) if state is None else (state, note))) for name, state, note in self.rows]


def renew_list():
    """What the code has by now loses the state it had in the list; what is new in the code comes behind its section."""
    lines, code, listed = [], {}, set()

    def close():
        new = [name for name in code if name not in listed]
        while new and lines and not lines[-1]:
            lines.pop()
        if new:
            lines.extend([" ".join(new), ""])

    for line in text_of(LIST).splitlines():
        if head := re.match(r"\[(\w+)\]", line):
            close()
            code, listed = READERS[head[1]](), set()
        if not line or line.startswith(("[", ":", "##")):
            lines.append(line)
            continue
        names, equals, what = line.partition("  = ")
        listed.update(names.split())
        known = [name for name in names.split() if equals and name in code]
        rest = [name for name in names.split() if name not in known]
        lines += [" ".join(known)] * bool(known) + [" ".join(rest) + equals + what] * bool(rest)
    close()
    (root / LIST).write_text("\n".join(lines).rstrip() + "\n")


def read_list():
    sections = []
    for number, line in enumerate(text_of(LIST).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("##"):
            continue
        if head := re.fullmatch(r"\[(\w+)\] (.+)", text):
            sections.append(Section(*head.groups()))
        elif text.startswith(": "):
            sections[-1].intro.append(text[2:])
        elif "  = " in text:
            names, _, what = text.partition("  = ")
            state, _, note = what.partition(": ")
            assert state in (HERE, NOT_YET, REFUSED, NEEDLESS), f"{LIST}:{number}: {state}"
            assert note or state == NOT_YET, f"{LIST}:{number}: why?"
            sections[-1].rows += [(name, state, note) for name in names.split()]
        else:
            sections[-1].rows += [(name, None, "") for name in text.split()]
    return sections


# ---- the manual page
def cell(text):
    """In quotes, and behind nothing: so that mdoc takes no word for a macro and no sign for a delimiter."""
    return '"\\&' + text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq") + '"'


def page():
    counts, out = {}, []
    for section in read_list():
        out.append(f".Ss {section.title}")
        out += section.intro
        out.append('.Bl -column "ALLOW_UNQUOTED_ADDRS_VIOLATE" "implemented"')
        for name, state, note in section.states():
            counts[state] = counts.get(state, 0) + 1
            shown = "" if state == HERE and note != "always so" else cell(note) if note else ""
            out.append(f".It {cell(name)} Ta {state}" + (f" Ta {shown}" if shown else ""))
        out.append(".El")
    names = sum(counts.values())
    summary = ", ".join(f"{counts.get(state, 0)} {state}" for state in (HERE, NOT_YET, NEEDLESS, REFUSED))
    return [f"{names} names: {summary}."] + out


def write_page():
    path = root / "man/compatibility.7"
    begin, end = '.\\" BEGIN TABLE\n', '.\\" END TABLE\n'
    head, rest = path.read_text().split(begin)
    path.write_text(head + begin + "\n".join(page()) + "\n" + end + rest.split(end)[1])


if __name__ == "__main__":
    renew_list()
    write_page()
