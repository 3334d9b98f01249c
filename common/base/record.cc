#include "common/base/record.h"

#include "common/base/strings.h"

namespace waxwing {

Record& Record::set(std::string_view name, std::string_view value) {
  fields_.emplace_back(std::string(name), std::string(value));
  return *this;
}

Record& Record::set(std::string_view name, std::int64_t value) {
  return set(name, std::to_string(value));
}

std::string_view Record::get(std::string_view name) const {
  for (const auto& [key, value] : fields_)
    if (key == name) return value;
  return {};
}

bool Record::has(std::string_view name) const {
  for (const auto& field : fields_)
    if (field.first == name) return true;
  return false;
}

std::int64_t Record::number(std::string_view name, std::int64_t fallback) const {
  return to_number<std::int64_t>(get(name)).value_or(fallback);
}

std::vector<std::string_view> Record::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : fields_)
    if (key == name) values.push_back(value);
  return values;
}

std::string Record::encode() const {
  std::string bytes = verb_;
  bytes += '\0';
  for (const auto& [key, value] : fields_) {
    bytes += key;
    bytes += '=';
    bytes += value;
    bytes += '\0';
  }
  return bytes;
}

Result<Record> Record::decode(std::string_view bytes) {
  if (bytes.empty() || bytes.back() != '\0')
    return permanent("record is not ended by NUL: " + printable(bytes, 60));
  Record record(std::string(take_until(bytes, '\0')));
  if (record.verb_.empty()) return permanent("record has no verb");
  while (!bytes.empty()) {
    const auto field = take_until(bytes, '\0');
    const auto equal = field.find('=');
    if (equal == std::string_view::npos || equal == 0)
      return permanent("record " + record.verb_ + " has a field without a name: " + printable(field, 60));
    record.set(field.substr(0, equal), field.substr(equal + 1));
  }
  return record;
}

}  // namespace waxwing
