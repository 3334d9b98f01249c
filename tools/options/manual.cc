#include "tools/options/manual.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "common/base/strings.h"
#include "common/config/allowed.h"
#include "common/config/config.h"

namespace waxwing {

namespace {

const char* type_words(OptionType type) {
  switch (type) {
    case OptionType::text:
      return "text";
    case OptionType::number:
      return "number";
    case OptionType::flag:
      return "yes or no";
    case OptionType::seconds:
      return "seconds";
    case OptionType::bytes:
      return "bytes";
    case OptionType::port:
      return "port";
    case OptionType::path:
      return "path";
    case OptionType::secret:
      return "secret";
  }
  return "";
}

// Text as mdoc takes it: no accidental requests or escapes.
std::string safe(std::string_view text) {
  std::string out = replace_all(std::string(text), "\\", "\\e");
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

// A macro argument: quoted, so that blanks and punctuation stay one word.
std::string argument(std::string_view text) {
  return "\"" + replace_all(safe(text), "\"", "\"\"") + "\"";
}

constexpr const char* kHead = R"(.\" Made from the option registry by msconfig --manual.
.Dd November 22, 2026
.Dt MSG.CONF 5
.Os Waxwing
.Sh NAME
.Nm msg.conf
.Nd options of a Waxwing instance
.Sh DESCRIPTION
.Pa config/msg.conf
holds the options of an instance, one on a line:
.Bd -literal -offset indent
name = value
.Ed
.Pp
Empty lines and lines that begin with
.Sq #
or
.Sq \&!
are comments.
A value may stand in double quotes, which keep blanks at its ends.
When a name stands twice, the last one counts.
Secrets stand in
.Pa config/secrets.conf ,
which is written the same way and is readable by its owner only.
A name that is not in this page, or a value that does not fit, is an error that names file and line, and
nothing starts or reloads with it.
.Pp
.Xr msconfig 1
shows, checks and changes options, and keeps the earlier texts in
.Pa config/history .
.Xr configutil 1
does the same with the names of earlier releases.
.Pp
Types: a flag is yes or no (also on, off, true, false, 1, 0); seconds and bytes are whole numbers; a path that
does not begin with
.Sq /
is relative to the instance.
In a name,
.Sq *
stands for a word of your choice.
.Sh OPTIONS
Options marked
.Em reload
take effect with
.Ql imsimta reload ;
the others when their services are started again.
)";

constexpr const char* kTail = R"(.Sh FILES
.Bl -tag -width Ds
.It Pa config/msg.conf
options
.It Pa config/secrets.conf
options that are passwords, mode 0600
.It Pa config/history/
earlier texts of both
.El
.Sh EXAMPLES
.Bd -literal
local.hostname = mail.example.com
imap.port = 143
log.level = notice
.Ed
.Sh SEE ALSO
.Xr configure 1 ,
.Xr configutil 1 ,
.Xr msconfig 1 ,
.Xr start-msg 1
)";

}  // namespace

std::string options_manual() {
  std::vector<const OptionSpec*> specs;
  for (const OptionSpec& spec : option_registry()) specs.push_back(&spec);
  std::ranges::stable_sort(specs, {}, [](const OptionSpec* s) { return s->name; });
  std::string page = kHead;
  std::string_view section;
  for (const OptionSpec* spec : specs) {
    const std::string_view part = spec->name.substr(0, spec->name.find('.'));
    if (part != section) {
      if (!section.empty()) page += ".El\n";
      page += fmt::format(".Ss {}\n.Bl -tag -width Ds\n", part);
      section = part;
    }
    page += fmt::format(".It Ic {}\n", argument(spec->name));
    page += safe(spec->help) + ".\n.br\n";
    page += fmt::format("{}", type_words(spec->type));
    if (const auto allowed = allowed_words(*spec); !allowed.empty()) page += " (" + safe(allowed) + ")";
    page += spec->fallback.empty() ? "; no default" : "; default " + safe(spec->fallback);
    page += spec->restart ? "; restart" : "; reload";
    page += fmt::format("; since {}", spec->since);
    if (!spec->legacy_name.empty()) page += fmt::format("; formerly {}", safe(spec->legacy_name));
    page += "\n";
  }
  if (!section.empty()) page += ".El\n";
  return page + kTail;
}

}  // namespace waxwing
