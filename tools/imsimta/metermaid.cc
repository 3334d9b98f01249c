// imsimta metermaid: what MeterMaid has counted for a key, and forgetting it.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/net/seqpacket.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

Result<int> run_metermaid(const Context& context, Arguments arguments) {
  const bool remove = arguments.take("remove");
  Record question(remove ? "remove" : "fetch");
  const auto table = to_lower(arguments.take_word()), key = arguments.take_word();
  TRY_VOID(arguments.finish("metermaid [-remove] table key"));
  if (table.empty() || key.empty()) return permanent("usage: imsimta metermaid [-remove] table key");
  question.set("table", table).set("key", key);
  auto answer = ask(context.root + "/run/metermaid", question);
  if (!answer) return wrap(std::move(answer.error()), "metermaid cannot be asked; is it running?");
  if (answer->is("error")) return permanent(std::string(answer->get("text")));
  if (answer->number("known") == 0) {
    fmt::print("{} has no {}\n", table, printable(key));
    return 1;
  }
  if (remove)
    fmt::print("{} is forgotten\n", printable(key));
  else
    fmt::print("{} {} {}\n", table, printable(key), answer->number("count"));
  return 0;
}

}  // namespace waxwing::imsimta
