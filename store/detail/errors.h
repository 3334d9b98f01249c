// Errors of the store: the code stands in front of the text, in brackets. See code_of() in store/store.h.
#pragma once

#include <string>

#include "store/store.h"

namespace waxwing::store {

std::unexpected<Error> fail(Fault fault, Code code, const std::string& text);
inline std::unexpected<Error> fail_permanently(Code code, const std::string& text) {
  return fail(Fault::permanent, code, text);
}
inline std::unexpected<Error> fail_for_now(Code code, const std::string& text) {
  return fail(Fault::temporary, code, text);
}

}  // namespace waxwing::store
