#include "store/detail/errors.h"

#include <array>
#include <utility>

namespace waxwing::store {

namespace {
constexpr std::array<std::pair<Code, std::string_view>, 8> kWords{{
    {Code::nonexistent, "[NONEXISTENT] "},
    {Code::already_exists, "[ALREADYEXISTS] "},
    {Code::over_quota, "[OVERQUOTA] "},
    {Code::cannot, "[CANNOT] "},
    {Code::limit, "[LIMIT] "},
    {Code::in_use, "[INUSE] "},
    {Code::corrupt, "[CORRUPTION] "},
    {Code::unavailable, "[UNAVAILABLE] "},
}};
}  // namespace

std::unexpected<Error> fail(Fault fault, Code code, const std::string& text) {
  for (const auto& [known, word] : kWords)
    if (known == code) return std::unexpected(Error{fault, std::string(word) + text});
  return std::unexpected(Error{fault, text});
}

Code code_of(const Error& error) {
  for (const auto& [code, word] : kWords)
    if (error.text.starts_with(word)) return code;
  return Code::none;
}

std::string_view text_of(const Error& error) {
  const std::string_view text = error.text;
  for (const auto& [code, word] : kWords)
    if (text.starts_with(word)) return text.substr(word.size());
  return text;
}

}  // namespace waxwing::store
