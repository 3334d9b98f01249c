// Changes of a message by byte ranges of its MIME structure, collected and then made at once. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/mail/mime.h"

namespace waxwing::mta::form {

// Ranges in rising order, none inside another.
class Edits {
 public:
  explicit Edits(std::string_view message) : message_(message) {}
  void replace(std::size_t begin, std::size_t end, std::string_view text);
  std::string take();  // the changed message

 private:
  std::string_view message_;
  std::string out_;
  std::size_t at_ = 0;
  bool none_ = true;
};

// A part under multipart/signed, or a multipart/signed or encrypted itself: nothing in it may change.
bool is_sealed(const mail::Mime& mime, const mail::MimePart& part);

struct NewField {
  std::string_view name;
  std::string value;  // empty: no such field any more
};
// The header with these fields in the place of those of their names, the others as they were. What it had not
// is added at the end.
std::string with_fields(std::string_view header, const std::vector<NewField>& fields);

}  // namespace waxwing::mta::form
