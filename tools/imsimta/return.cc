// imsimta return: gives one message back to its sender, by the name of its file.
#include "tools/imsimta/qm.h"

namespace waxwing::imsimta {

Result<int> run_return(const Context& context, Arguments arguments) {
  if (arguments.rest().empty())
    return permanent("which message? imsimta return message-file; imsimta qm directory lists them");
  return run_qm(context, Arguments([&] {
                  std::vector<std::string> words{"return"};
                  words.insert(words.end(), arguments.rest().begin(), arguments.rest().end());
                  return words;
                }()));
}

}  // namespace waxwing::imsimta
