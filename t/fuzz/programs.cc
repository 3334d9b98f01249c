// config/programs, as programs(5) has it: what a line may name, and where that would lie.
#include "channels/pipe_master/program_list.h"
#include "common/base/strings.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::channels;

namespace {
bool is_clean(std::string_view word) {
  return !word.empty() && word.find_first_of(std::string_view(" \t\r\n\0", 5)) == std::string_view::npos;
}
}  // namespace

FUZZ_TARGET(programs) {
  const auto programs = parse_program_list(input);
  if (!programs) {
    MUST(programs.error().fault == Fault::permanent && !programs.error().text.empty());
    return;
  }
  std::string text;
  for (const auto& program : *programs) {
    MUST(is_clean(program.method) && is_clean(program.account) && is_clean(program.program));
    MUST(find_program(*programs, to_upper(program.method)) == &program);
    const auto path = program_path("/instance", program.program);
    MUST(path.starts_with("/"));
    // A name is one of the site's programs, and nothing above them.
    if (!program.program.starts_with('/'))
      MUST(path == "/instance/site-programs/" + program.program && program.program != ".." &&
           program.program != ".");
    text += program.method + " " + program.account + " " + program.program;
    for (const auto& argument : program.arguments) text += " " + argument;
    text += "\n";
  }
  const auto again = parse_program_list(text);
  MUST(again && again->size() == programs->size());
  for (std::size_t n = 0; n < again->size(); ++n) {
    MUST((*again)[n].method == (*programs)[n].method && (*again)[n].account == (*programs)[n].account);
    MUST((*again)[n].program == (*programs)[n].program && (*again)[n].arguments == (*programs)[n].arguments);
  }
}
