#include "channels/master/local_form.h"

#include <utility>

namespace waxwing::channels {

std::string LocalForm::take(std::string_view piece) {
  std::string out;
  out.reserve(piece.size() + 1);
  for (const char c : piece) {
    if (cr_ && c != '\n') out += '\r';
    cr_ = c == '\r';
    if (!cr_) out += c;
  }
  return out;
}

std::string LocalForm::end() {
  return std::exchange(cr_, false) ? "\r" : "";
}

std::string FromQuoter::take(std::string_view piece) {
  constexpr std::string_view kFrom = "From ";
  std::string out;
  out.reserve(piece.size() + 16);
  for (const char c : piece) {
    if (at_start_ && c == kFrom[held_.size()]) {
      held_ += c;
      if (held_.size() < kFrom.size()) continue;
      out += '>';
      out += std::exchange(held_, "");
      at_start_ = false;
      continue;
    }
    const bool still_start = at_start_ && held_.empty() && c == '>';
    out += std::exchange(held_, "");
    out += c;
    at_start_ = c == '\n' || still_start;
  }
  return out;
}

std::string FromQuoter::end() {
  return std::exchange(held_, "");
}

}  // namespace waxwing::channels
