#include "tools/imsimta/json.h"

#include <cstdio>

#include "common/base/time.h"

namespace waxwing::imsimta {

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
  object_[std::string(name)] = value;
  return *this;
}
JsonObject& JsonObject::number(std::string_view name, std::int64_t value) {
  object_[std::string(name)] = value;
  return *this;
}
JsonObject& JsonObject::flag(std::string_view name, bool value) {
  object_[std::string(name)] = value;
  return *this;
}
JsonObject& JsonObject::time(std::string_view name, std::int64_t seconds) {
  auto& member = object_[std::string(name)];
  if (seconds != 0) member = iso_timestamp(seconds * 1000);
  return *this;
}
JsonObject& JsonObject::list(std::string_view name, const std::vector<JsonObject>& objects) {
  auto& array = object_[std::string(name)] = nlohmann::ordered_json::array();
  for (const auto& object : objects) array.push_back(object.object_);
  return *this;
}
JsonObject& JsonObject::texts(std::string_view name, const std::vector<std::string>& values) {
  object_[std::string(name)] = values;
  return *this;
}
std::string JsonObject::line() const {
  return object_.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}
void JsonObject::print() const {
  const auto text = line();
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace waxwing::imsimta
